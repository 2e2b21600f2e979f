"""What an answer says of accounts: messages, risks, indicators and the fixed test accounts."""
