"""`qd`: a client of the server's API with a person's token; starts without Django and opens no data folder itself."""
