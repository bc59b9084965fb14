"""What all commands share: a quiet start, errors and stops in one line, locks on folders."""
