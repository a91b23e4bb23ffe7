"""Photos' files to portraits' files, one or thousands: workers, and a record of what is done."""
