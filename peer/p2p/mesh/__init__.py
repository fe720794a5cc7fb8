"""Direct connections: our publications, and a connection to everybody else's."""
