"""The proof that all backends do the same work: what each computed, kept as evidence, and the judge who compares it."""
