"""smpp-server: an SMPP 3.4 ESME that answers each sender once, exactly, and on a budget."""
