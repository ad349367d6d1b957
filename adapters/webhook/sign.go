// Package webhook sends what happens in an organization to the addresses that it has subscribed.
//
// # Why
//
// A webhook is a follower of the log like any other, with the slowest handler there is: somebody else's server. So each has
// a place in the log of its own, holds up nobody but itself, and moves on only when its receiver has taken the event. What
// comes of it is at least once and in order: an answer that was lost is asked for again, under the same id.
//
// Requests have the form of Standard Webhooks, so that receivers can check them with a library of their language.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// sign answers the signatures of a message, one a secret, separated by spaces. The time is that of the attempt.
func sign(secrets [][]byte, id string, at time.Time, body []byte) string {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", id, stamp(at))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(signatures, " ")
}

func stamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
