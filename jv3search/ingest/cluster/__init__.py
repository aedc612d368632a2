"""Ray as a source of embedded documents: other processes and machines read, split and embed; this one stores."""
