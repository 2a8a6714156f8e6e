"""What a person asks for: one module per task, each talking to the next through files."""
