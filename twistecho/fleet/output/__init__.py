"""The results of a run, for people and for programs: tables, pictures, pages, files."""
