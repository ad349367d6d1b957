package webhook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ticketd/commands"
	"ticketd/eventstore"
	"ticketd/internal/outbound"
)

// Another program has computed this signature; a receiver's library must come to the same.
func TestASignatureIsWhatReceiversExpect(t *testing.T) {
	t.Parallel()
	secret, err := commands.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", commands.ShownSecret(secret))
	at := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	require.Equal(t, want, sign([][]byte{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body))
	both := sign([][]byte{secret, []byte("another")}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body)
	require.True(t, strings.HasPrefix(both, want+" v1,"))
	for _, wrong := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!", "whsec_" + strings.Repeat("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 3)} {
		_, err := commands.ParseSecret(wrong)
		require.Error(t, err, wrong)
	}
}

func event(data any) (eventstore.Recorded, any) {
	return eventstore.Recorded{Position: 7, Type: "ticket.opened", At: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC), Hash: eventstore.Hash{1, 2}}, data
}

func TestABodyIsTheEvent(t *testing.T) {
	t.Parallel()
	r, data := event(map[string]any{"title": "<é>"})
	m, err := messageOf(r, r.Type, data)
	require.NoError(t, err)
	require.Equal(t, `{"type":"ticket.opened","timestamp":"2026-05-01T12:00:00.000Z","position":7,"data":{"title":"<é>"}}`, string(m.body))
	require.Equal(t, "evt_01020000000000000000000000000000", m.id)
	_, err = messageOf(r, r.Type, func() {})
	require.Error(t, err)
}

// Whatever an event holds, its body is JSON of a size that receivers can hold; it says so when something was cut.
func TestABodyIsNeverTooLong(t *testing.T) {
	t.Parallel()
	many := make([]any, 100_000)
	for i := range many {
		many[i] = "é"
	}
	keys := map[string]any{}
	for i := range 30_000 {
		keys[strings.Repeat("k", 10)+uuid.NewSHA1(uuid.Nil, []byte{byte(i), byte(i >> 8)}).String()] = i
	}
	for name, c := range map[string]struct {
		data any
		cut  bool
	}{
		"short":       {map[string]any{"a": "b"}, false},
		"just":        {strings.Repeat("x", mostBody-200), false},
		"one text":    {map[string]any{"short": "whole", "body": strings.Repeat("é", mostBody)}, true},
		"many texts":  {map[string]any{"list": []any{strings.Repeat("x", mostBody/4), strings.Repeat("y", mostBody/4), strings.Repeat("z", mostBody/4), strings.Repeat("\x01", mostBody/4)}}, true},
		"a long list": {many, true},
		"only names":  {keys, true},
	} {
		r, data := event(c.data)
		m, err := messageOf(r, r.Type, data)
		require.NoError(t, err, name)
		require.LessOrEqual(t, len(m.body), mostBody, name)
		require.True(t, utf8.Valid(m.body), name)
		var e envelope
		require.NoError(t, json.Unmarshal(m.body, &e), name)
		require.Equal(t, c.cut, e.Truncated, name)
		require.EqualValues(t, 7, e.Position, name)
		if fields, ok := e.Data.(map[string]any); ok && name == "one text" {
			require.Equal(t, "whole", fields["short"])
			require.Contains(t, fields["body"], "é…")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text, most := rapid.String().Draw(t, "text"), rapid.IntRange(0, 20).Draw(t, "most")
		short, _ := cut(text, most).(string)
		require.True(t, utf8.ValidString(short))
		require.LessOrEqual(t, len(short), max(len(text), most+len("…")))
		require.True(t, strings.HasPrefix(text, strings.TrimSuffix(short, "…")) || short == text)
	})
}

func TestARetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "-3": 0, "soon": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "99999999": longestPause, "Fri, 01 May 2026 12:01:00 GMT": time.Minute,
		"Fri, 01 May 2020 12:01:00 GMT": 0, "Fri, 01 May 2099 12:01:00 GMT": longestPause,
	} {
		at := retryAfter(text, now)
		if want == 0 {
			require.Zero(t, at, text)
			continue
		}
		require.Equal(t, now.Add(want), at, text)
	}
}

func TestPausesGrowUpToALimit(t *testing.T) {
	t.Parallel()
	c := Config{}.orUsual()
	require.Equal(t, []time.Duration{5 * time.Second, 10 * time.Second, 40 * time.Second, time.Hour, time.Hour}, []time.Duration{c.pause(1), c.pause(2), c.pause(4), c.pause(12), c.pause(100_000)})
}

// near is a sender to this machine.
func near(patience time.Duration) Sender {
	return Sender{Client: outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}), Patience: patience}
}

func TestWhatAReceiverAnswers(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status int
		body   string
		why    string
		began  string
		gone   bool
		again  bool
	}{
		"/taken":    {status: 202, body: "thanks", began: "thanks"},
		"/long":     {status: 200, body: strings.Repeat("é", 1000), began: strings.Repeat("é", 250)},
		"/binary":   {status: 200, body: "\xff\xfe\xfd\xfc\xff\xfe\x00"},
		"/redirect": {status: 302, why: "The receiver answered 302: it sends elsewhere, and redirects are not followed."},
		"/gone":     {status: 410, why: "The receiver answered 410: it is there no longer.", gone: true},
		"/busy":     {status: 429, why: "The receiver answered 429 Too Many Requests.", again: true},
		"/odd":      {status: 599, why: "The receiver answered 599."},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a server notices that the client has gone
		a, known := answers[r.URL.Path]
		if !known { // silence
			<-r.Context().Done()
			return
		}
		w.Header().Set("Location", "/taken")
		if a.again {
			w.Header().Set("Retry-After", "30")
		}
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.body))
	}))
	t.Cleanup(server.Close)
	m := message{id: "evt_1", body: []byte(`{}`)}
	for path, want := range answers {
		came := near(0).send(t.Context(), uuid.New(), server.URL+path, nil, m)
		require.Equal(t, []any{want.status, want.why, want.began, want.gone, want.again}, []any{came.Status, came.Why, came.Began, came.gone, !came.again.IsZero()}, path)
		require.Equal(t, "evt_1", came.ID)
	}
	require.Equal(t, "The receiver did not answer within 50ms.", near(50*time.Millisecond).send(t.Context(), uuid.New(), server.URL+"/silent", nil, m).Why)
	require.Equal(t, "The address makes no sense.", near(0).send(t.Context(), uuid.New(), "http://\x00", nil, m).Why)
	require.Contains(t, near(0).send(t.Context(), uuid.New(), "http://10.1.2.3", nil, m).Why, "not public")
	require.Equal(t, "The receiver cannot be reached, or the connection broke.", near(0).send(t.Context(), uuid.New(), "http://127.0.0.1:1", nil, m).Why)
	ended, stop := context.WithCancel(t.Context())
	stop()
	require.Equal(t, "The program was stopped before the receiver answered.", near(0).send(ended, uuid.New(), server.URL+"/taken", nil, m).Why)
	account := uuid.New()
	busy := near(0)
	_ = busy.send(t.Context(), account, server.URL+"/busy", nil, m)
	held := busy.send(t.Context(), account, server.URL+"/taken", nil, m)
	require.Equal(t, "The receiver has asked for a pause.", held.Why)
	require.False(t, held.again.IsZero())
}

func TestAnAlertIsLetGo(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(server.Close)
	var log strings.Builder
	a := NewAlerts(near(0), server.URL, []byte("secret"), time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
	now := time.Now()
	a.alert(t.Context(), eventstore.Recorded{Type: "integration.checked", At: now, Position: 3})
	require.EqualValues(t, alertTries, asked.Load())
	require.Contains(t, log.String(), "an alert was let go")

	a.alert(t.Context(), eventstore.Recorded{At: now, Event: func() {}})
	require.Contains(t, log.String(), "could not be written")
	a.Tell(t.Context(), eventstore.Recorded{At: now.Add(-2 * alertAge)})
	require.Empty(t, a.waiting, "what was over long ago alarms nobody")
	for range alertsWaiting + 1 { // it never waits
		a.Tell(t.Context(), eventstore.Recorded{At: now})
	}
	require.Len(t, a.waiting, alertsWaiting)
	require.Contains(t, log.String(), "too many are waiting")
	require.Equal(t, 5*time.Second, NewAlerts(Sender{}, "", nil, 0, nil).pause)
}

// Who stops the program waits for what is under way a moment, and no longer.
func TestARequestUnderWayIsGivenAMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		longer, done := unhurried(ctx)
		defer done()
		stop()
		synctest.Wait()
		require.NoError(t, longer.Err())
		began := time.Now()
		<-longer.Done()
		require.Equal(t, finish, time.Since(began))
	})
}
