"""What `toolkit gate` is worth: recorded noise, gates simulated from it, and real ones."""
