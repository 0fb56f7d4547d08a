"""What the recorded supervisor writes for each kind of constraint."""
