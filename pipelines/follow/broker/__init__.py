"""Broker: messages of NATS JetStream or Kafka are taken like bodies, and acknowledged once they are durable."""
