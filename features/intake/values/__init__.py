"""Values of an export become values of the contract, where their meaning is certain."""
