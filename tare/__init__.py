"""What every part of Tarebench shares: errors, exit codes and the state root. Standard library only."""
