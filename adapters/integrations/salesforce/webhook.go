package salesforce

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"ticketd/commands"
)

// Verify implements commands.Platform. Salesforce signs nothing: the secret is in the address that it was given.
func (s *Salesforce) Verify(a commands.Account, w commands.Webhook) error {
	secret := a.Credentials["webhook_secret"]
	if secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(w.Query("secret"))) != 1 {
		return commands.ErrUnsigned
	}
	return nil
}

// acknowledged is what Salesforce waits for. Without it, it sends the same again for a day.
const acknowledged = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>` +
	`<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>`

// message is an outbound message.
type message struct {
	XMLName       xml.Name `xml:"http://schemas.xmlsoap.org/soap/envelope/ Envelope"`
	Notifications *struct {
		Organization string         `xml:"OrganizationId"`
		All          []notification `xml:"Notification"`
	} `xml:"Body>notifications"`
}

// notification is what it says of one record.
type notification struct {
	ID     string `xml:"Id"`
	Record struct {
		Type   string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
		ID     string `xml:"Id"`
		Parent string `xml:"ParentId"` // of a comment: its case
	} `xml:"sObject"`
}

// Hear implements commands.Platform.
func (s *Salesforce) Hear(a commands.Account, w commands.Webhook) (commands.Heard, error) {
	var m message
	if hasDirective(w.Body) || xml.Unmarshal(w.Body, &m) != nil || m.Notifications == nil || len(m.Notifications.All) == 0 {
		return commands.Heard{}, commands.ErrNotUnderstood
	}
	heard := commands.Heard{
		Concerns: sameOrganization(a.Settings["organization_id"], m.Notifications.Organization),
		Answer:   &commands.WebhookAnswer{Status: http.StatusOK, Type: "text/xml; charset=utf-8", Body: []byte(acknowledged)},
	}
	digest := sha256.New()
	for _, n := range m.Notifications.All {
		_, kind, _ := strings.Cut(n.Record.Type, ":")
		id := n.Record.ID
		switch kind {
		case "Case":
		case "CaseComment":
			id = n.Record.Parent
		default:
			continue // a message about something else is set up there
		}
		if !isID(id) || !isID(n.ID) {
			return commands.Heard{}, commands.ErrNotUnderstood
		}
		_, _ = digest.Write([]byte(n.ID)) // never fails
		if !slices.Contains(heard.Tickets, id) {
			heard.Tickets = append(heard.Tickets, id)
		}
	}
	heard.Delivery = hex.EncodeToString(digest.Sum(nil))
	if len(m.Notifications.All) == 1 {
		heard.Delivery = m.Notifications.All[0].ID
	}
	return heard, nil
}

// hasDirective reports whether a message declares something, or is no XML at all: a SOAP message must not, and an entity
// could be declared only there.
func hasDirective(body []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(body))
	for {
		token, err := d.RawToken()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		if _, is := token.(xml.Directive); is {
			return true
		}
	}
}

// sameOrganization reports whether a message is from the organization of the settings; any is, when they name none.
func sameOrganization(ours, theirs string) bool {
	const short = 15 // characters say the same as 18
	if ours == "" {
		return true
	}
	if len(ours) < short || len(theirs) < short {
		return false
	}
	return subtle.ConstantTimeCompare([]byte(ours[:short]), []byte(theirs[:short])) == 1
}
