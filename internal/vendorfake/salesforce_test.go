package vendorfake_test

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ticketd/commands"
	"ticketd/internal/vendorfake"
)

// What the adapter never does, and Salesforce would refuse.
func TestSalesforceRefusesWhatItWould(t *testing.T) {
	t.Parallel()
	s := vendorfake.NewSalesforce()
	t.Cleanup(s.Close)
	require.Same(t, s.Base(), s.Base())
	token := s.Account().Credentials[commands.AccessToken]
	send := func(method, path, kind, body string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+"/services/data/v62.0"+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", kind)
		res, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer func() { require.NoError(t, res.Body.Close()) }()
		answer, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.StatusCode, string(answer)
	}
	refused := func(code, method, path, body string) {
		status, answer := send(method, path, "application/json", body)
		require.Equal(t, http.StatusBadRequest, status, path)
		require.Contains(t, answer, code)
	}
	soql := func(q string) string { return "/query?q=" + url.QueryEscape(q) }

	refused("INVALID_FIELD", http.MethodPost, "/sobjects/Case", `{"Subject":"a","Tags__c":"b"}`)
	status, made := send(http.MethodPost, "/sobjects/Case", "application/json", `{"Subject":"a"}`)
	require.Equal(t, http.StatusCreated, status)
	require.Contains(t, made, s.Tickets()[0].ID)
	refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", http.MethodPatch, "/sobjects/Case/"+s.Tickets()[0].ID, `{"Status":"Nowhere"}`)
	refused("STRING_TOO_LONG", http.MethodPost, "/sobjects/CaseComment", `{"ParentId":"`+s.Tickets()[0].ID+`","CommentBody":"`+strings.Repeat("ä", 3000)+`"}`)
	refused("MALFORMED_QUERY", http.MethodGet, soql("DELETE"), "")
	refused("INVALID_FIELD", http.MethodGet, soql("SELECT Id FROM Case WHERE Description = 'a' LIMIT 1"), "")
	require.Empty(t, s.Invalid())

	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	_, err := w.CreateFormFile("VersionData", "a.txt") // before it is said what it is
	require.NoError(t, err)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="entity_content"`}, "Content-Type": {"application/json"}})
	require.NoError(t, err)
	_, err = part.Write([]byte(`{"PathOnClient":"a.txt"}`))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	status, answer := send(http.MethodPost, "/sobjects/ContentVersion", w.FormDataContentType(), body.String())
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, answer, "entity_content must come first")
	require.Len(t, s.Invalid(), 1)
	require.Contains(t, s.Invalid()[0], "must come first")
}
