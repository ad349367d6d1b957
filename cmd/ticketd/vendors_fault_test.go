package main

import (
	nethttp "net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ticketd/domain/integration"
	"ticketd/internal/vendorfake"
)

// refusal is how a vendor says no, and what a person reads of it.
type refusal struct {
	status int
	body   string
	says   string
}

// limitation is one way in which a vendor says that too many requests came.
type limitation struct {
	status int
	header func(now time.Time) map[string]string
	body   string
	untold bool // it does not say for how long: far longer than a test waits
}

// trouble is how a vendor words what goes wrong.
type trouble struct {
	create, attach                        string // operations of its description
	forbidden, notFound, tooLarge, cannot refusal
	busy                                  refusal
	largeFile                             refusal
	limited                               []limitation
	fresh                                 func(v vendorfake.Vendor) object // new credentials in the place of revoked ones
}

func soonAgain(time.Time) map[string]string { return map[string]string{"Retry-After": "1"} }

// spentUntil answers headers that tell when the next window begins, in seconds of 1970.
func spentUntil(now time.Time) map[string]string {
	return map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": strconv.FormatInt(now.Add(time.Second).Unix(), 10)}
}

func withoutWords(time.Time) map[string]string { return nil }

// granted answers the fresh credentials of who consented once more.
func granted(v vendorfake.Vendor) object {
	return object{"refresh_token": v.Base().Grant().Refresh}
}

// troubles are the shapes of the vendors' own descriptions.
var troubles = map[integration.Platform]trouble{
	integration.Salesforce: {
		create: "PATCH /services/data/{version}/sobjects/Case/{externalField}/{externalId}", attach: "POST /services/data/{version}/sobjects/ContentVersion",
		forbidden: refusal{403, `[{"errorCode":"INSUFFICIENT_ACCESS_OR_READONLY","message":"insufficient access rights on object id"}]`, "insufficient access rights on object id"},
		notFound:  refusal{404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`, "The requested resource does not exist"},
		tooLarge:  refusal{413, `[{"errorCode":"UNKNOWN_EXCEPTION","message":"Request Entity Too Large"}]`, "Request Entity Too Large"},
		cannot:    refusal{422, `[{"errorCode":"FIELD_CUSTOM_VALIDATION_EXCEPTION","message":"An area is needed","fields":["Area__c"]}]`, "An area is needed (Area__c)"},
		busy:      refusal{400, `[{"errorCode":"UNABLE_TO_LOCK_ROW","message":"unable to obtain exclusive access to this record"}]`, ""},
		largeFile: refusal{400, `[{"errorCode":"FILE_SIZE_LIMIT_EXCEEDED","message":"The file is too large"}]`, "The file is too large"},
		limited: []limitation{
			{status: 429, header: soonAgain},
			{status: 503, header: soonAgain},
			{status: 403, header: withoutWords, body: `[{"errorCode":"REQUEST_LIMIT_EXCEEDED","message":"TotalRequests Limit exceeded."}]`, untold: true},
		},
		fresh: granted,
	},
	integration.Jira: {
		create: "POST /rest/api/3/issue", attach: "POST /rest/api/3/issue/{issueIdOrKey}/attachments",
		forbidden: refusal{403, `{"errorMessages":["You do not have permission to create issues in this project."],"errors":{}}`, "You do not have permission to create issues in this project."},
		notFound:  refusal{404, `{"errorMessages":["No project could be found with key 'SUP'."],"errors":{}}`, "No project could be found with key 'SUP'."},
		tooLarge:  refusal{413, `{"errorMessages":["The request is too large."],"errors":{}}`, "The request is too large."},
		cannot:    refusal{422, `{"errorMessages":[],"errors":{"summary":"The summary is invalid."}}`, "summary: The summary is invalid."},
		busy:      refusal{409, `{"errorMessages":["Issue update is in progress"],"errors":{}}`, ""},
		largeFile: refusal{413, `{"errorMessages":["The file exceeds the maximum size."],"errors":{}}`, "The file exceeds the maximum size."},
		limited: []limitation{
			{status: 503, header: soonAgain},
			{status: 429, header: func(now time.Time) map[string]string {
				return map[string]string{
					"Retry-After": "1", "RateLimit-Reason": "jira-burst-based", "X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": now.UTC().Format("2006-01-02T15:04Z"),
				}
			}},
			{status: 429, header: func(now time.Time) map[string]string { // a quota tells the minute alone
				return map[string]string{"X-RateLimit-Limit": "10", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": now.Add(30 * time.Minute).UTC().Format("2006-01-02T15:04Z")}
			}, untold: true},
		},
		fresh: func(v vendorfake.Vendor) object {
			v.Base().Fix("bot@example.com:another-api-token")
			return object{"email": "bot@example.com", "api_token": "another-api-token"}
		},
	},
	integration.Zendesk: {
		create: "POST /api/v2/tickets", attach: "POST /api/v2/uploads",
		forbidden: refusal{403, `{"error":{"title":"Forbidden","message":"You do not have access to this page."}}`, "You do not have access to this page."},
		notFound:  refusal{404, `{"error":"RecordNotFound","description":"Not found"}`, "RecordNotFound: Not found"},
		tooLarge:  refusal{413, `{"error":"RequestTooLarge","description":"The request is too large"}`, "The request is too large"},
		cannot:    refusal{422, `{"error":"RecordInvalid","description":"Record validation errors","details":{"requester":[{"description":"Requester: is suspended"}]}}`, "Requester: is suspended"},
		busy:      refusal{409, `{"error":"DatabaseConflict","description":"Database collision"}`, ""},
		largeFile: refusal{413, `{"error":"AttachmentTooLarge","description":"The attachment is too large"}`, "The attachment is too large"},
		limited: []limitation{
			{status: 429, header: soonAgain},
			{status: 503, header: soonAgain},
			{status: 429, header: func(time.Time) map[string]string {
				return map[string]string{"Ratelimit-Limit": "10", "Ratelimit-Remaining": "0", "Ratelimit-Reset": "1"}
			}},
		},
		fresh: granted,
	},
	integration.Intercom: {
		create: "POST /tickets", attach: "POST /tickets/{ticket_id}/reply",
		forbidden: refusal{403, `{"type":"error.list","errors":[{"code":"api_plan_restricted","message":"Active subscription needed."}]}`, "Active subscription needed."},
		notFound:  refusal{404, `{"type":"error.list","errors":[{"code":"ticket_type_not_found","message":"Ticket type not found"}]}`, "Ticket type not found"},
		tooLarge:  refusal{413, `{"type":"error.list","errors":[{"code":"content_too_large","message":"The content is too large"}]}`, "The content is too large"},
		cannot:    refusal{422, `{"type":"error.list","errors":[{"code":"parameter_invalid","field":"contacts","message":"is not a contact"}]}`, "is not a contact"},
		busy:      refusal{409, `{"type":"error.list","errors":[{"code":"conflict","message":"Conflict"}]}`, ""},
		largeFile: refusal{413, `{"type":"error.list","errors":[{"code":"content_too_large","message":"The attachment is too large"}]}`, "The attachment is too large"},
		limited:   []limitation{{status: 429, header: spentUntil, body: `{"type":"error.list","errors":[{"code":"rate_limit_exceeded","message":"Rate limit exceeded"}]}`}},
		fresh: func(v vendorfake.Vendor) object {
			v.Base().Fix("another-intercom-token")
			return object{"token": "another-intercom-token"}
		},
	},
	integration.GitHub: {
		create: "POST /repos/{owner}/{repo}/issues", attach: "PUT /repos/{owner}/{repo}/contents/{path}",
		forbidden: refusal{403, `{"message":"Resource not accessible by integration","documentation_url":"https://docs.github.com/rest"}`, "Resource not accessible by integration"},
		notFound:  refusal{404, `{"message":"Not Found","documentation_url":"https://docs.github.com/rest"}`, "Not Found"},
		tooLarge:  refusal{413, `{"message":"Payload too large"}`, "Payload too large"},
		cannot:    refusal{422, `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}`, "Validation Failed: Issue title missing field"},
		busy:      refusal{409, `{"message":"Conflict"}`, ""},
		largeFile: refusal{422, `{"message":"Sorry, the file is too large"}`, "Sorry, the file is too large"},
		limited: []limitation{
			{status: 403, header: spentUntil, body: `{"message":"API rate limit exceeded"}`},
			{status: 429, header: spentUntil, body: `{"message":"API rate limit exceeded"}`},
			{status: 403, header: soonAgain, body: `{"message":"You have exceeded a secondary rate limit."}`},
			{status: 429, header: soonAgain, body: `{"message":"You have exceeded a secondary rate limit."}`},
			{status: 403, header: withoutWords, body: `{"message":"You have exceeded a secondary rate limit."}`, untold: true},
		},
		fresh: granted,
	},
	integration.Slack: { // all but one come under the status 200, and have a code where others have words
		create: "POST /chat.postMessage", attach: "POST /files.getUploadURLExternal",
		forbidden: refusal{200, `{"ok":false,"error":"restricted_action"}`, "The workspace does not let the Slack app do this."},
		notFound:  refusal{200, `{"ok":false,"error":"channel_not_found"}`, "Slack does not find the channel"},
		tooLarge:  refusal{413, `<html>`, "The vendor answered 413 Request Entity Too Large."},
		cannot:    refusal{200, `{"ok":false,"error":"invalid_blocks"}`, "invalid_blocks"},
		busy:      refusal{409, `{"ok":false,"error":"conflict"}`, ""},
		largeFile: refusal{200, `{"ok":false,"error":"file_upload_size_restricted"}`, "The workspace takes no files of this size."},
		limited: []limitation{
			{status: 429, header: soonAgain, body: `{"ok":false,"error":"ratelimited"}`}, {status: 200, header: soonAgain, body: `{"ok":false,"error":"ratelimited"}`},
		},
		fresh: granted,
	},
	integration.Teams: {
		create: "POST /teams/{team-id}/channels/{channel-id}/messages", attach: "PUT /drives/{drive-id}/items/{driveItem-id}:/{file-name}:/content",
		forbidden: refusal{403, `{"error":{"code":"Forbidden","message":"Missing scope permissions on the request."}}`, "Missing scope permissions on the request."},
		notFound:  refusal{404, `{"error":{"code":"NotFound","message":"No team found with this id."}}`, "No team found with this id."},
		tooLarge:  refusal{413, `{"error":{"code":"RequestEntityTooLarge","message":"Request Entity too large."}}`, "Request Entity too large."},
		cannot:    refusal{422, `{"error":{"code":"UnprocessableEntity","message":"The body holds no content."}}`, "The body holds no content."},
		busy:      refusal{409, `{"error":{"code":"Conflict","message":"Conflict"}}`, ""},
		largeFile: refusal{507, `{"error":{"code":"quotaLimitReached","message":"Insufficient space"}}`, "There is no room left for files in Microsoft SharePoint."},
		limited: []limitation{
			{status: 429, header: soonAgain, body: `{"error":{"code":"TooManyRequests","message":"The request has been throttled."}}`}, {status: 503, header: soonAgain},
		},
		fresh: granted,
	},
}

func (r refusal) fault() vendorfake.Fault { return vendorfake.Fault{Status: r.status, Body: r.body} }

// eachVendor runs a test for each of the vendors, on one program.
func eachVendor(t *testing.T, program func() *instance, f func(ada *client, platform integration.Platform, wrong trouble)) {
	t.Helper()
	for _, platform := range integration.Platforms {
		t.Run(string(platform), func(t *testing.T) {
			t.Parallel()
			f(program().founder("ada").on(t), platform, troubles[platform])
		})
	}
}

// result is what a ticket says of its way.
func (c *client) result(ticket string) object {
	c.t.Helper()
	result, _ := c.get("/api/v1/tickets/" + ticket).object()["integration_result"].(object)
	return result
}

// becomes waits until a ticket says so of its way.
func (w *towards) becomes(ticket, status, code string) {
	w.t.Helper()
	w.until(func() bool {
		result := w.ada.result(ticket)
		return result["status"] == status && (code == "" || result["code"] == code)
	})
}

// delivery is how the ticket's life there is shown.
func (w *towards) delivery(ticket string) object {
	w.t.Helper()
	list := w.ada.get(w.path + "/deliveries?limit=100").list()
	at := slices.IndexFunc(list, func(d object) bool { return d["ticket_id"] == ticket })
	require.GreaterOrEqual(w.t, at, 0, "ticket %s has no delivery", ticket)
	return list[at]
}

// asked lists when an operation was asked for.
func (w *towards) asked(operation string) (times []time.Time) {
	for _, r := range w.Base().Requests() {
		if r.Operation == operation {
			times = append(times, r.At)
		}
	}
	return times
}

// connectsByConsent connects with a vendor whose access tokens end, and are renewed.
func (c *client) connectsByConsent(platform integration.Platform) *towards {
	c.t.Helper()
	v := begins(c.t, platform)
	if jira, ok := v.(*vendorfake.Jira); ok {
		return c.connects(jira.OAuth(), object{"settings": object{"project_key": "SUP", "cloud_id": jira.Account().Credentials["cloud_id"]}})
	}
	return c.connects(v)
}

// A person consents, and what the vendor gives for the code that they bring back is good for tickets.
func TestAPersonConsentsWithEachVendor(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty), func(ada *client, platform integration.Platform, _ trouble) {
		t := ada.t
		v := begins(t, platform)
		body := v.Connect()
		if jira, ok := v.(*vendorfake.Jira); ok {
			body = jira.OAuth().Connect()
			body["settings"] = object{"project_key": "SUP", "cloud_id": jira.Account().Credentials["cloud_id"]}
		}
		if body["auth_type"] != string(integration.OAuth2) {
			return // its tokens are made by a person, and do not end
		}
		delete(body["credentials"].(map[string]any), "refresh_token")
		id := ada.post(allIntegrations, body).id()
		sent := ada.authorize(id).Query()
		require.Contains(t, ada.back(422, url.Values{"state": {"another"}, "code": {"code"}}), "Begin again")
		code := v.Base().Consent(sent.Get("code_challenge"))
		require.Contains(t, ada.back(200, url.Values{"state": sent["state"], "code": {code}}), "is connected.")
		w := (&towards{Vendor: v, t: t, ada: ada, id: id, path: allIntegrations + "/" + id}).usable()
		w.arrived(ada.ticket(object{"integration_id": id}).id())
		require.Empty(t, v.Base().Invalid())
	})
}

// Everything is on its way at the same time when the tokens end. Intercom's never end.
func TestTokensThatEndAreRenewedAndNoneIsSpentTwice(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty), func(ada *client, platform integration.Platform, _ trouble) {
		t := ada.t
		if platform == integration.Intercom {
			return
		}
		w := ada.connectsByConsent(platform).usable()
		renewals := func() (n int) {
			for _, r := range w.Base().Requests() {
				if r.Method == nethttp.MethodPost && strings.Contains(r.Operation, "oauth") {
					n++
				}
			}
			return n
		}
		const tickets = 8
		before := renewals()
		for round := 1; round <= 2; round++ {
			w.settled()
			ada.patch(w.path+"/status", object{"enabled": false})
			var made []string
			for range tickets {
				made = append(made, ada.ticket(object{"integration_id": w.id}).id())
			}
			w.becomes(made[tickets-1], "pending", "integration_inactive")
			w.Base().ExpireTokens()
			ada.patch(w.path+"/status", object{"enabled": true})
			for _, id := range made {
				w.arrived(id)
			}
			require.Equal(t, before+round, renewals(), "all that ended is renewed once")
			require.Len(t, w.Tickets(), tickets*round)
		}
		require.Zero(t, w.Base().SpentTwice())
		require.Equal(t, "active", w.shown()["status"])
	})
}

// Nothing can be renewed: everything waits for a person, who is told, and goes on with what they give.
func TestWhatWasRevokedWaitsForNewCredentials(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty), func(ada *client, platform integration.Platform, wrong trouble) {
		t := ada.t
		w := ada.connects(begins(t, platform)).usable()
		first := ada.ticket(object{"integration_id": w.id}).id()
		w.arrived(first)
		w.settled()
		s := ada.connect()
		s.send("subscribe_all", nil)
		s.await("subscription_response")

		w.Base().RevokeTokens()
		waiting := []string{ada.ticket(object{"integration_id": w.id}).id(), ada.ticket(object{"integration_id": w.id}).id()}
		ada.post("/api/v1/tickets/"+first+"/comments", object{"content": "Still there?"})
		told := s.await("integration_status_update").Data
		for told["ok"] == true { // of the check that went well before
			told = s.await("integration_status_update").Data
		}
		require.Equal(t, w.id, told["integration_id"])
		require.NotEmpty(t, told["error"])
		eventually(t, func() bool { return w.shown()["status"] == "expired" })
		require.NotEmpty(t, w.shown()["health"].(object)["error"])
		for _, id := range waiting {
			w.becomes(id, "pending", "integration_expired")
		}
		waiting = append(waiting, ada.ticket(object{"integration_id": w.id}).id())
		w.becomes(waiting[2], "pending", "integration_expired")
		w.until(func() bool { return w.delivery(first)["status"] == "held" })
		require.Len(t, w.Tickets(), 1)

		ada.guarded("PUT", w.path, w.path, object{"credentials": wrong.fresh(w.Vendor)})
		for _, id := range waiting {
			w.arrived(id)
		}
		w.settled()
		require.Len(t, w.Tickets(), 4)
		require.Equal(t, 1, mentions(w.there(str(w.delivery(first)["external_ticket_id"])).Comments, "Still there?"))
		w.usable()
	})
}

// What a vendor refuses waits for a person, who reads the vendor's own words.
func TestARefusalIsReadInTheVendorsWordsAndTriedAgainOrDropped(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty), func(ada *client, platform integration.Platform, wrong trouble) {
		t := ada.t
		w := ada.connects(begins(t, platform)).usable()
		fails := func(r refusal, code string) (ticket, delivery string) {
			w.Base().Next(wrong.create, r.fault())
			ticket = ada.ticket(object{"integration_id": w.id}).id()
			w.becomes(ticket, "failed", code)
			shown := w.delivery(ticket)
			require.Equal(t, []any{"failed", code, "create"}, []any{shown["status"], shown["code"], shown["step"]})
			require.Contains(t, shown["last_error"], r.says)
			return ticket, w.path + "/deliveries/" + str(shown["id"])
		}
		created := 0
		for code, r := range map[string]refusal{"forbidden": wrong.forbidden, "not_found": wrong.notFound, "too_large": wrong.tooLarge, "invalid": wrong.cannot} {
			ticket, delivery := fails(r, code)
			require.Len(t, w.Tickets(), created)
			ada.do(200, "POST", delivery+"/retry", nil)
			w.arrived(ticket)
			created++
		}
		ticket, delivery := fails(wrong.cannot, "invalid")
		ada.do(200, "POST", delivery+"/drop", nil)
		w.becomes(ticket, "skipped", "dropped")
		w.settled()
		ada.do(409, "POST", delivery+"/retry", nil)
		require.Len(t, w.Tickets(), created)
	})
}

// Whoever asks too often, or at the wrong moment, comes later.
func TestWhatAVendorPutsOffArrivesOnceAndLater(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty), func(ada *client, platform integration.Platform, wrong trouble) {
		t := ada.t
		w := ada.connects(begins(t, platform)).usable()
		w.Base().Next(wrong.create, wrong.busy.fault())
		w.arrived(ada.ticket(object{"integration_id": w.id}).id())
		require.Len(t, w.asked(wrong.create), 2)
		require.Len(t, w.Tickets(), 1)

		accounts, tickets := make([]*towards, len(wrong.limited)), make([]string, len(wrong.limited))
		for n, l := range wrong.limited { // each is of an account of its own: they are learned from
			accounts[n] = ada.connects(begins(t, platform), object{"name": "Account " + strconv.Itoa(n)}).usable()
			accounts[n].Base().Next(wrong.create, vendorfake.Fault{Status: l.status, Header: l.header(time.Now()), Body: l.body})
			tickets[n] = ada.ticket(object{"integration_id": accounts[n].id}).id()
		}
		for n, l := range wrong.limited {
			w := accounts[n]
			if l.untold {
				w.becomes(tickets[n], "pending", "rate_limited")
				shown := w.delivery(tickets[n])
				at, err := time.Parse(time.RFC3339, str(shown["retry_at"]))
				require.NoError(t, err)
				require.Greater(t, time.Until(at), 30*time.Second, "%d of %d", n, l.status)
				require.Equal(t, "retrying", shown["status"])
				continue
			}
			w.arrived(tickets[n])
			asked := w.asked(wrong.create)
			require.Len(t, asked, 2, "%d of %d", n, l.status)
			require.GreaterOrEqual(t, asked[1].Sub(asked[0]), 900*time.Millisecond, "%d of %d", n, l.status)
			require.Len(t, w.Tickets(), 1)
		}
	})
}

// searchLag is longer than a vendor's search may take to know what was just made: it is not asked sooner what came of it.
const searchLag = 3200 * time.Millisecond

// A vendor that says nothing is given up, and asked what came of it before anything is done twice.
func TestAVendorThatFallsSilentHasEverythingOnce(t *testing.T) {
	t.Parallel()
	i := boot(t, hasty, func(c *config) {
		c.vendorSilence, c.DeliveryWorkers = 400*time.Millisecond, len(integration.Platforms)
		c.deliveryPauses.Soon = []time.Duration{searchLag}
	})
	i.noisy = true
	ada := i.founder("ada")
	file := ada.upload("notes.txt", []byte("one\ntwo\n")).id()
	accounts, made := map[integration.Platform]*towards{}, map[integration.Platform]string{}
	for _, platform := range integration.Platforms { // all at the same time, for they wait
		w := ada.connects(begins(t, platform)).usable()
		w.Base().Next(troubles[platform].create, vendorfake.Fault{Silence: true})
		w.Base().Next(troubles[platform].attach, vendorfake.Fault{Silence: true})
		accounts[platform], made[platform] = w, ada.ticket(object{"integration_id": w.id, "attachments": []object{{"file_id": file}}}).id()
	}
	external := map[integration.Platform]string{}
	for platform, w := range accounts {
		external[platform] = str(w.arrived(made[platform])["external_ticket_id"])
		w.settled()
		require.Len(t, w.Tickets(), 1, platform)
		require.Len(t, w.there(external[platform]).Files, 1, platform)
		require.Len(t, w.asked(troubles[platform].create), 2, platform)
		require.Zero(t, w.Base().Planned(), platform)

		w.Base().Next("POST *", vendorfake.Fault{Silence: true})
		w.Base().Next("PUT *", vendorfake.Fault{Silence: true})
		ada.post("/api/v1/tickets/"+made[platform]+"/comments", object{"content": "Once only."})
	}
	for platform, w := range accounts {
		w.until(func() bool { return mentions(w.there(external[platform]).Comments, "Once only.") > 0 })
		w.settled()
		require.Equal(t, 1, mentions(w.there(external[platform]).Comments, "Once only."), platform)
		require.LessOrEqual(t, w.Base().Planned(), 1, "%s: one of the two went wrong", platform)
	}
}

// A webhook is taken whether its vendor can be asked or not, and what it was about is heard later.
func TestAWebhookIsTakenWhileItsVendorIsSilent(t *testing.T) {
	t.Parallel()
	eachVendor(t, noisyOnDemand(t, hasty, func(c *config) { c.vendorSilence = 2 * time.Second }), func(ada *client, platform integration.Platform, _ trouble) {
		t := ada.t
		w := ada.connects(begins(t, platform)).usable()
		ticket := ada.ticket(object{"integration_id": w.id}).id()
		external := str(w.arrived(ticket)["external_ticket_id"])
		w.settled()
		w.Say(external, "Zoe", "We are on it.")
		w.Base().Next("", vendorfake.Fault{Silence: true})
		require.Less(t, w.hooked(external), 300)
		require.Empty(t, ada.get("/api/v1/tickets/"+ticket+"/comments").list(), "the answer did not wait for the vendor")
		w.until(func() bool { return len(ada.get("/api/v1/tickets/"+ticket+"/comments").list()) == 1 })
		require.Zero(t, w.Base().Planned())
	})
}

// A file that the vendor does not take is linked, and that is said there and here.
func TestAFileThatIsTooLargeForAVendorIsLinked(t *testing.T) {
	t.Parallel()
	const public = "http://127.0.0.1:1" // where no vendor's webhook comes to
	eachVendor(t, noisyOnDemand(t, hasty, func(c *config) { c.PublicURL = public }), func(ada *client, platform integration.Platform, wrong trouble) {
		t := ada.t
		v := begins(t, platform)
		if jira, ok := v.(*vendorfake.Jira); ok {
			jira.UploadMost(7)
		} else {
			v.Base().Next(wrong.attach, wrong.largeFile.fault())
		}
		w := ada.connects(v).usable()
		large, small := ada.upload("large.txt", []byte("one\ntwo\n")).id(), ada.upload("small.txt", []byte("one\n")).id()
		made := ada.ticket(object{"integration_id": w.id, "attachments": []object{{"file_id": large}, {"file_id": small}}})
		external := str(w.arrived(made.id())["external_ticket_id"])
		w.settled()
		there := w.there(external)
		require.Len(t, there.Files, 1)
		require.Equal(t, sha256Of([]byte("one\n")), there.Files[0].SHA256)
		at := slices.IndexFunc(there.Comments, func(c vendorfake.Comment) bool {
			return strings.Contains(c.Text, "large.txt (8 bytes) could not be attached.")
		})
		require.GreaterOrEqual(t, at, 0, "%+v", there.Comments)
		require.Contains(t, there.Comments[at].Text, public+"/")
		require.Contains(t, there.Comments[at].Text, uuid.MustParse(large).String())
		shown := w.delivery(made.id())
		require.Equal(t, "delivered", shown["status"])
		require.Contains(t, strings.Join(texts(shown["notes"]), " "), wrong.largeFile.says)
	})
}

// texts answers a list of JSON as it was meant.
func texts(list any) (all []string) {
	for _, one := range list.([]any) {
		all = append(all, str(one))
	}
	return all
}
