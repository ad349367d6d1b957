package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/png"
	"io"
	"maps"
	nethttp "net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// towards is a vendor that an organization is connected with.
type towards struct {
	vendorfake.Vendor
	t    *testing.T
	ada  *client // an administrator
	path string  // of the integration
	id   string
}

// hasty has steps tried again soon, so that no test waits for a vendor's pauses.
func hasty(c *config) {
	c.OutboundAllow, c.DeliveryWorkers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 4
	c.webhookGather = 10 * time.Millisecond
	c.deliveryPauses = commands.Pauses{Soon: []time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond}, Later: []time.Duration{3200 * time.Millisecond}, AtMost: 20}
}

// begins plays a vendor, which ends with the test.
func begins(t *testing.T, p integration.Platform) vendorfake.Vendor {
	t.Helper()
	v, known := vendorfake.Play(p)
	require.True(t, known)
	t.Cleanup(v.Base().Close)
	return v
}

// connects connects the client's organization with a vendor, whose requests must all have been valid in the end.
func (c *client) connects(v vendorfake.Vendor, more ...object) *towards {
	c.t.Helper()
	body := v.Connect()
	for _, fields := range more {
		maps.Copy(body, fields)
	}
	made := c.post("/api/v1/integrations", body)
	w := &towards{Vendor: v, t: c.t, ada: c, id: made.id(), path: "/api/v1/integrations/" + made.id()}
	c.t.Cleanup(func() { require.Empty(c.t, v.Base().Invalid(), "every request is valid by the vendor's description") })
	return w
}

// shown is how the integration stands.
func (w *towards) shown() object { w.t.Helper(); return w.ada.get(w.path).object() }

// usable waits until the first check has succeeded.
func (w *towards) usable() *towards {
	w.t.Helper()
	eventually(w.t, func() bool { return w.shown()["status"] == "active" }, "%v", w.Platform())
	return w
}

// Platform answers what is played.
func (w *towards) Platform() string { return w.Account().Platform.Name() }

// arrived waits until a ticket is there, and answers it as it is shown.
func (w *towards) arrived(id string) (shown object) {
	w.t.Helper()
	w.until(func() bool {
		shown = w.ada.get("/api/v1/tickets/" + id).object()
		result, _ := shown["integration_result"].(object)
		return result != nil && result["status"] == "created"
	})
	return shown
}

// until waits for a condition, and says what waits when it never comes true.
func (w *towards) until(condition func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			require.Fail(w.t, "it never came true", "deliveries: %s\ninvalid: %v\nthere: %+v", w.ada.get(w.path+"/deliveries").raw, w.Base().Invalid(), w.Tickets())
		}
		<-time.After(glance)
	}
}

// there is the ticket as it stands with the vendor.
func (w *towards) there(id string) vendorfake.Ticket {
	w.t.Helper()
	for _, t := range w.Tickets() {
		if t.ID == id {
			return t
		}
	}
	require.Fail(w.t, "it is not there", "%q of %+v", id, w.Tickets())
	return vendorfake.Ticket{}
}

// settled waits until nothing is left to do.
func (w *towards) settled() {
	w.t.Helper()
	w.until(func() bool { return w.shown()["pending"] == 0.0 })
}

// hooked sends the webhook that the vendor sends after what happened last to the ticket, and answers the status.
func (w *towards) hooked(ticket string) int {
	w.t.Helper()
	return w.sendHook(w.Webhook(ticket))
}

func (w *towards) sendHook(r *nethttp.Request) int {
	w.t.Helper()
	r = r.Clone(w.t.Context())
	query := r.URL.RawQuery
	address, err := r.URL.Parse(w.ada.url + w.path + "/webhook")
	require.NoError(w.t, err)
	address.RawQuery = query
	r.URL, r.Host, r.RequestURI = address, address.Host, ""
	response, err := web.Do(r)
	require.NoError(w.t, err)
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(w.t, err)
	return response.StatusCode
}

// pngOf is a small picture.
func pngOf(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

func sha256Of(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// mentions counts the comments that say it.
func mentions(comments []vendorfake.Comment, words string) (n int) {
	for _, c := range comments {
		if strings.Contains(c.Text, words) {
			n++
		}
	}
	return n
}
