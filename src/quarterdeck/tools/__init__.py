"""The registers of tools, techniques and mechanisms that may be used for maintenance (3.7.2[a] [b] [c])."""
