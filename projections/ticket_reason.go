package projections

// reasons are the codes of deliveries, and of the routes that they note them on, in words.
var reasons = map[string]string{
	"integration_inactive":  "The integration is disabled. It goes on when it is enabled.",
	"integration_expired":   "The vendor takes the credentials no longer. It goes on when an administrator has given new ones.",
	"integration_suspended": "The integration is suspended. It goes on when it can be used again.",
	"consent_missing":       "Nobody has consented with the vendor yet. It goes on then.",
	"no_credentials":        "The integration has no credentials. It goes on when an administrator has given them.",
	"rate_limited":          "The vendor takes no more at the moment. It goes on as soon as it does.",
	"unavailable":           "The vendor does not answer. The ticket is tried again by itself.",
	"conflict":              "The vendor is busy with it. The ticket is tried again by itself.",
	"forbidden":             "The vendor does not allow it. See the delivery; a person has to act.",
	"not_found":             "The vendor does not find where the ticket shall go. See the delivery; a person has to act.",
	"invalid":               "The vendor refuses the ticket. See the delivery; a person has to act.",
	"too_large":             "The ticket is too large for the vendor. See the delivery; a person has to act.",
	"unauthorized":          "The vendor does not take the credentials.",
	CodeRerouted:            "The vendor did not answer, so the ticket went to the next integration of the chain.",
	"revoked":               "The vendor takes the credentials no longer.",
	"dropped":               "A person gave it up.",
	"disconnected":          "The integration was disconnected.",
}

// CodeRerouted is the code of a route that was given up for another one, which goes on.
const CodeRerouted = "rerouted"

// Reason says in words what the code of a delivery or a route means; nothing for a code that is empty.
func Reason(code string) string { return reasons[code] }
