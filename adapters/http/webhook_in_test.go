package http

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/semaphore"

	"ticketd/commands"
	"ticketd/domain"
	"ticketd/domain/integration"
)

// hookDoor is a server that takes webhooks for one integration, whose secret is "s".
type hookDoor struct {
	*testing.T
	*httptest.Server
	http *Server
	id   uuid.UUID
	log  *logLines

	mu     sync.Mutex
	came   []commands.Webhook
	counts map[string]int
	taken  map[string]bool
	broken error
}

func newHookDoor(t *testing.T, limits Limits) *hookDoor {
	t.Helper()
	d := &hookDoor{T: t, id: uuid.New(), log: &logLines{}, counts: map[string]int{}, taken: map[string]bool{}}
	d.http = bare(slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	d.http.config.Limits = limits
	d.http.WebhooksIn = commands.NewWebhooksIn(commands.WebhookInParts{
		Accounts: d, Inbox: d, Platforms: map[integration.Platform]commands.Platform{integration.GitHub: doorVendor{d: d}}, Now: time.Now, Wake: func() {},
		Count: func(p integration.Platform, o commands.WebhookOutcome) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.counts[fmt.Sprintf("%s %s", p, o)]++
		},
	})
	d.Server = httptest.NewServer(d.http)
	t.Cleanup(d.Close)
	return d
}

// Find implements commands.WebhookAccounts.
func (d *hookDoor) Find(ctx context.Context, id uuid.UUID) (commands.Account, error) {
	if id != d.id {
		return commands.Account{}, integration.ErrNotFound
	}
	list, err := d.OfPlatform(ctx, integration.GitHub)
	return list[0], err
}

// OfPlatform implements commands.WebhookAccounts.
func (d *hookDoor) OfPlatform(context.Context, integration.Platform) ([]commands.Account, error) {
	a := commands.Account{Org: domain.OrgID{UUID: d.id}, Integration: d.id, Platform: integration.GitHub, Credentials: map[string]string{"webhook_secret": "s"}}
	return []commands.Account{a}, d.broken
}

// Take implements commands.Inbox.
func (d *hookDoor) Take(_ context.Context, arrivals []commands.Arrival, _ time.Duration) (fresh, woken int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.taken[arrivals[0].Delivery] {
		return 0, 0, nil
	}
	d.taken[arrivals[0].Delivery] = true
	return 1, 1, nil
}

// doorVendor signs bodies, and answers questions of the query.
type doorVendor struct {
	commands.Platform
	d *hookDoor
}

// Verify implements commands.Platform.
func (v doorVendor) Verify(a commands.Account, w commands.Webhook) error {
	if w.Query("question") != "" {
		return nil
	}
	sum := hmac.New(sha256.New, []byte(a.Credentials["webhook_secret"]))
	sum.Write(w.Body)
	if given, err := hex.DecodeString(w.Header("X-Proof")); err != nil || !hmac.Equal(given, sum.Sum(nil)) {
		return commands.ErrUnsigned
	}
	return nil
}

// Hear implements commands.Platform.
func (v doorVendor) Hear(_ commands.Account, w commands.Webhook) (commands.Heard, error) {
	v.d.mu.Lock()
	v.d.came = append(v.d.came, w)
	v.d.mu.Unlock()
	if question := w.Query("question"); question != "" {
		return commands.Heard{Answer: &commands.WebhookAnswer{Status: 202, Type: "text/plain", Body: []byte(question)}}, nil
	}
	return commands.Heard{Concerns: true, Delivery: w.Header("X-Delivery"), Tickets: []string{"7"}}, nil
}

func (d *hookDoor) count(outcome string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.counts[outcome]
}

func (d *hookDoor) one() string { return "/api/v1/integrations/" + d.id.String() + "/webhook" }

const ofGitHub = "/api/v1/integrations/github/webhook"

func proofOf(secret string, body []byte) string {
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write(body)
	return hex.EncodeToString(sum.Sum(nil))
}

// send sends a body with a proof, and answers the status, the header and what was said.
func (d *hookDoor) send(method, path, secret string, body []byte, header ...string) (int, nethttp.Header, string) {
	d.Helper()
	r, err := nethttp.NewRequestWithContext(d.Context(), method, d.URL+path, bytes.NewReader(body))
	require.NoError(d, err)
	r.Header.Set("X-Proof", proofOf(secret, body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return d.answered(r)
}

func (d *hookDoor) answered(r *nethttp.Request) (int, nethttp.Header, string) {
	d.Helper()
	answer, err := d.Client().Do(r)
	require.NoError(d, err)
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	require.NoError(d, err)
	return answer.StatusCode, answer.Header, string(said)
}

func TestAWebhookIsTakenAsItCame(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	for n, path := range []string{d.one(), ofGitHub, d.one() + "/"} {
		body := []byte("\xff\x00 {not JSON")
		status, _, said := d.send("POST", path+"?a=b%20c", "s", body, "X-Delivery", fmt.Sprint(n), "Content-Type", "text/xml", "Authorization", "Bearer of the vendor's own")
		require.Equal(t, 200, status, said)
		require.Empty(t, said)
		last := d.came[len(d.came)-1]
		require.Equal(t, body, last.Body)
		require.Equal(t, "b c", last.Query("a"))
		require.Equal(t, "text/xml", last.Header("content-type"))
		require.WithinDuration(t, time.Now(), last.At, time.Minute)
	}
	require.Equal(t, 3, d.count("github taken"))
	status, _, _ := d.send("POST", d.one(), "s", []byte("again"), "X-Delivery", "0")
	require.Equal(t, 200, status)
	require.Equal(t, 1, d.count("github repeated"))
}

func TestAWebhookThatProvesNothing(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	for path, want := range map[string]int{d.one(): 401, ofGitHub: 401, strings.Replace(d.one(), d.id.String(), uuid.NewString(), 1): 404, "/api/v1/integrations/gitlab/webhook": 404, "/api/v1/integrations/slack/webhook": 404} {
		status, header, said := d.send("POST", path, "guess", []byte("top secret"))
		require.Equal(t, want, status, path)
		require.Equal(t, "application/problem+json", header.Get("Content-Type"))
		require.NotContains(t, said, "top secret")
	}
	require.Equal(t, 2, d.count("github unsigned"))
	require.Equal(t, 2, d.count(" unknown"))
	require.Equal(t, 1, d.count("slack unknown"))
	require.Empty(t, d.came)
	require.NotContains(t, d.log.String(), "top secret")
	require.NotContains(t, d.log.String(), proofOf("guess", []byte("top secret")))
	require.NotContains(t, d.log.String(), d.id.String())
}

func TestHandshakesAreAnsweredAsTheVendorAsks(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	for _, method := range []string{"GET", "POST"} {
		for _, path := range []string{d.one(), ofGitHub} {
			status, header, said := d.send(method, path+"?question=who%3F", "", nil)
			require.Equal(t, 202, status)
			require.Equal(t, "text/plain", header.Get("Content-Type"))
			require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
			require.Equal(t, "who?", said)
		}
	}
	require.Equal(t, 4, d.count("github answered"))
	status, _, _ := d.send("GET", d.one(), "guess", nil)
	require.Equal(t, 401, status)
}

func TestAWebhookMayBeSoLarge(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	whole := make([]byte, hookMost)
	status, _, _ := d.send("POST", d.one(), "s", whole)
	require.Equal(t, 200, status)
	r, err := nethttp.NewRequestWithContext(t.Context(), "POST", d.URL+d.one(), io.LimitReader(zeros{}, hookMost)) // it does not say how long it is
	require.NoError(t, err)
	r.Header.Set("X-Proof", proofOf("s", whole))
	status, _, _ = d.answered(r)
	require.Equal(t, 200, status)

	for name, body := range map[string]io.Reader{"announced": bytes.NewReader(make([]byte, 10<<20)), "not announced": io.LimitReader(zeros{}, hookMost+1)} {
		r, err := nethttp.NewRequestWithContext(t.Context(), "POST", d.URL+d.one(), body)
		require.NoError(t, err)
		status, _, said := d.answered(r)
		require.Equal(t, 413, status, name)
		require.Contains(t, said, "webhook_too_large", name)
	}
	require.Equal(t, 2, d.count(" too_large"))

	// One that says that it is too large is refused before anything of it is read.
	s := hooksIn{d.http, semaphore.NewWeighted(hookRoom)}
	_, _, err = s.body(t.Context(), &nethttp.Request{ContentLength: 10 << 20, Body: io.NopCloser(failing{errors.New("it was read")})}, "")
	require.ErrorIs(t, err, errHookTooLarge)
}

func TestABodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errEnding)
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	s := hooksIn{d.http, semaphore.NewWeighted(hookRoom)}
	for _, c := range []struct {
		want int
		ctx  context.Context
		err  error
	}{
		{408, t.Context(), os.ErrDeadlineExceeded}, {408, late, context.DeadlineExceeded}, {400, t.Context(), io.ErrUnexpectedEOF}, {413, t.Context(), errTooMuch},
	} {
		_, _, err := s.body(c.ctx, &nethttp.Request{ContentLength: 10, Body: io.NopCloser(failing{c.err})}, "")
		require.Equal(t, c.want, s.problem(t.Context(), err).Status, "%v", c.err)
	}
	_, _, err := s.body(ended, &nethttp.Request{ContentLength: 10, Body: io.NopCloser(failing{os.ErrDeadlineExceeded})}, "")
	require.ErrorIs(t, err, context.Canceled)

	// A client that stops in the middle of it.
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf", d.one())
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return d.count(" cut_off") == 1 }, time.Minute, time.Millisecond)
	require.Empty(t, d.came)
}

// Large bodies that come slowly must not fill the memory.
func TestThereIsRoomForSoManyLargeOnes(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	s := hooksIn{d.http, semaphore.NewWeighted(100 << 10)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	of := func(size int64) *nethttp.Request {
		return &nethttp.Request{ContentLength: size, Body: io.NopCloser(io.LimitReader(zeros{}, size))}
	}
	_, free, err := s.body(t.Context(), of(70<<10), "")
	require.NoError(t, err)
	_, _, err = s.body(ctx, of(70<<10), "")
	require.Equal(t, 503, s.problem(t.Context(), err).Status)
	_, small, err := s.body(ctx, of(10), "")
	require.NoError(t, err, "who is small waits for nobody")
	small()
	free()
	_, _, err = s.body(t.Context(), &nethttp.Request{ContentLength: 70 << 10, Body: io.NopCloser(failing{io.ErrUnexpectedEOF})}, "")
	require.Equal(t, 400, s.problem(t.Context(), err).Status)
	_, _, err = s.body(t.Context(), of(90<<10), "")
	require.NoError(t, err, "the room of what was cut off is free again")
}

// A vendor's addresses send for everybody: whoever has them send nonsense must not silence the others.
func TestFloodsAreRefusedAndVendorsAreNot(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{Auth: Limit{Requests: 3, Window: time.Hour}})
	for n, path := range []string{d.one(), ofGitHub, "/api/v1/integrations/nothing/webhook", d.one(), d.one(), "/api/v1/integrations/nothing/webhook"} {
		status, header, _ := d.send("POST", path, "guess", []byte("x"))
		if n < 3 {
			require.Contains(t, []int{401, 404}, status)
			continue
		}
		require.Equal(t, 429, status)
		require.NotEmpty(t, header.Get("Retry-After"))
	}
	status, _, _ := d.send("POST", d.one(), "s", []byte("x"), "X-Delivery", "1")
	require.Equal(t, 200, status)
	status, _, _ = d.send("POST", ofGitHub, "s", []byte("x"), "X-Delivery", "2")
	require.Equal(t, 429, status, "secrets are not tried for one that sends nonsense")
	status, _, _ = d.send("POST", "/api/v1/auth/login", "", []byte(`{}`))
	require.NotEqual(t, 429, status, "people sign in from wherever they are")
}

// Whoever holds the places of large webhooks and proves nothing gets none for a while: others have them.
func TestWhatIsCutOffOrTooLargeIsCounted(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{Auth: Limit{Requests: 3, Window: time.Hour}})
	half := func(length int64) {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Listener.Addr().String())
		require.NoError(t, err)
		before := d.count(" cut_off")
		_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\nhalf", d.one(), length)
		require.NoError(t, err)
		require.NoError(t, conn.Close())
		require.Eventually(t, func() bool { return d.count(" cut_off") == before+1 }, time.Minute, time.Millisecond)
	}
	large := func(delivery string) (int, nethttp.Header) {
		t.Helper()
		status, header, _ := d.send("POST", d.one(), "s", make([]byte, hookSmall+1), "X-Delivery", delivery)
		return status, header
	}
	half(hookMost)
	half(10)
	status, _ := large("1")
	require.Equal(t, 200, status, "the address may send some more")
	status, _, _ = d.send("POST", d.one(), "s", make([]byte, hookMost+1))
	require.Equal(t, 413, status)

	status, header := large("2")
	require.Equal(t, 429, status)
	require.NotEmpty(t, header.Get("Retry-After"))
	require.Equal(t, 1, d.count(" limited"))
	status, _, _ = d.send("POST", d.one(), "s", []byte("x"), "X-Delivery", "3")
	require.Equal(t, 200, status, "a small one needs no place")
	status, _, _ = d.send("POST", d.one(), "s", make([]byte, hookMost+1))
	require.Equal(t, 429, status)
	require.Equal(t, 2, d.count(" too_large"))
}

// Whoever finds no place, or is sent away by a program that stops, has done nothing wrong.
func TestWhatIsNotTheSendersFaultIsNotCounted(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{Auth: Limit{Requests: 1, Window: time.Hour}})
	s := hooksIn{d.http, semaphore.NewWeighted(0)}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errEnding)
	in := &hookInput{Integration: d.id.String(), address: "192.0.2.1", request: httptest.NewRequestWithContext(t.Context(), "POST", d.one(), bytes.NewReader(make([]byte, hookSmall+1)))}
	_, err := s.take(ended, in)
	require.Equal(t, 503, s.problem(t.Context(), err).Status, "there is no place")
	in.request = httptest.NewRequestWithContext(t.Context(), "POST", d.one(), failing{os.ErrDeadlineExceeded})
	in.request.ContentLength = 10
	_, err = s.take(ended, in)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, s.spent(in.address))

	_, err = s.take(t.Context(), in)
	require.Equal(t, 408, s.problem(t.Context(), err).Status)
	require.True(t, s.spent(in.address))
}

func TestOneIntegrationTakesSoManyWebhooks(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{Webhooks: Limit{Requests: 2, Window: time.Hour}})
	for n, want := range []int{200, 200, 429} {
		status, header, _ := d.send("POST", d.one(), "s", []byte("x"), "X-Delivery", fmt.Sprint(n))
		require.Equal(t, want, status)
		require.Equal(t, want == 429, header.Get("Retry-After") != "")
	}
	require.Equal(t, 1, d.count("github limited"))
	status, _, _ := d.send("POST", d.one(), "guess", []byte("x"))
	require.Equal(t, 401, status, "what proves nothing draws on no integration")
}

func TestAFaultOfOursIsTheVendorsToSendAgain(t *testing.T) {
	t.Parallel()
	d := newHookDoor(t, Limits{})
	d.broken = errors.New("the database is away")
	status, _, said := d.send("POST", d.one(), "s", []byte("x"))
	require.Equal(t, 500, status)
	require.NotContains(t, said, "database")
	require.Equal(t, 1, d.count(" undone"))
}
