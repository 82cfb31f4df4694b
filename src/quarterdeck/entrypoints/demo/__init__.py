"""`qd demo`: a five-person shop does one whole maintenance ticket on real OpenSSH, through the API like any client."""
