"""What all commands share, whether they write data, run experiments or measure: locks on folders."""
