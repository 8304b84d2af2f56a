"""What every part of Tarebench shares: its errors, its exit codes and its state root. Standard library only."""
