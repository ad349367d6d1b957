package jira

import "time"

// At has the platform go by another clock.
func (j *Jira) At(now func() time.Time) { j.now = now }
