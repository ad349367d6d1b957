package ws

import (
	"context"
	"time"
)

// times are the durations that nobody needs to configure. Tests shorten them.
type times struct {
	authWithin  time.Duration // a first message must authenticate
	expiryGrace time.Duration // a token that has expired may still be replaced
	pingEvery   time.Duration // an extension's service worker sleeps after 30 s without a message
	pongWait    time.Duration // a client that is silent for so long is gone
	writeWait   time.Duration // a message that takes longer to send ends the connection
	slowAfter   time.Duration // a client with a full queue that takes nothing for so long is too slow
	closeWait   time.Duration // a close frame that takes longer is not waited for
	linger      time.Duration // the client's last words are read, else the close frame could be lost in a reset
	sweepEvery  time.Duration // how exactly deadlines are kept
	handleFor   time.Duration // one message may keep us busy
	startWithin time.Duration // a request waits so long for Run
	retryAfter  time.Duration // when the database is away
}

var usualTimes = times{
	authWithin: 5 * time.Second, expiryGrace: 25 * time.Second, pingEvery: 25 * time.Second, pongWait: 60 * time.Second,
	writeWait: 5 * time.Second, slowAfter: 3 * time.Second, closeWait: 5 * time.Second, linger: 2 * time.Second, sweepEvery: time.Second,
	handleFor: 10 * time.Second, startWithin: 5 * time.Second, retryAfter: time.Second,
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
