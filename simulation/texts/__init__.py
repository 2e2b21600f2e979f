"""What accounts write: grammar, real prompts from pools, system prompts."""
