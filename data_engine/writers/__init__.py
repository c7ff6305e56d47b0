"""Writers: what can be said and asked about a face whose labels are known, one file each."""
