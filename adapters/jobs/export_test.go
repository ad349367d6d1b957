package jobs

import "time"

// StopWithin is how long jobs have to stop.
func (j *Jobs) StopWithin(patience time.Duration) { j.patience = patience }
