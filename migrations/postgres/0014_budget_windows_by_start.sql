-- Windows that are long over are looked for and forgotten.
CREATE INDEX budget_windows_by_start ON budget_windows (window_start);
