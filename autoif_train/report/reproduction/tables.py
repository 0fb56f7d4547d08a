def write_tables(reproduction):
    return ""
