"""How units of work are run: in this process, on several processes of this machine, or on a cluster."""
