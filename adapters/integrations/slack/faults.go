package slack

import (
	"encoding/json"
	"net/http"

	"ticketd/commands"
)

// reacted is what Slack complains of when there is nothing left to do.
const reacted = "already_reacted"

// judgement answers what is wrong with an answer, as outbound.Request has it.
type judgement func(status int, header http.Header, body []byte) *commands.VendorError

// judge answers what an answer under status 200 complains of: Slack says ok: false there.
func judge(repeatable bool) judgement {
	return func(status int, _ http.Header, body []byte) *commands.VendorError {
		var said struct {
			OK     bool   `json:"ok"`
			Error  string `json:"error"`
			Needed string `json:"needed"`
		}
		understood := status == http.StatusOK && json.Unmarshal(body, &said) == nil // all else is judged by its status, and its sense
		if !understood || said.OK || said.Error == reacted {
			return nil
		}
		return fault(said.Error, said.Needed, repeatable)
	}
}

// refused answers why there are no new tokens; empty when Slack does not say.
func refused(_ int, body []byte) string {
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil || said.Error == "" {
		return ""
	}
	return fault(said.Error, "", false).Message
}

// fault answers what an error code of Slack means.
func fault(code, needed string, repeatable bool) *commands.VendorError {
	e := &commands.VendorError{Kind: commands.Rejected, Message: "Slack refuses it: " + code + "."}
	if known, ok := faults[code]; ok {
		e.Kind = known.kind
		if known.words != "" {
			e.Message = known.words
		}
	}
	switch {
	case code == "":
		e.Kind, e.Message, e.Unsure = commands.Down, "Slack says neither that it worked nor why it did not.", !repeatable
	case code == "missing_scope" && needed != "":
		e.Message = "The Slack app lacks the scope " + needed + ": add it and install the app anew."
	case e.Kind == commands.Down:
		e.Unsure = !repeatable
	}
	return e
}

type known struct {
	kind  commands.VendorErrorKind
	words string // empty: the code tells enough
}

// faults are the codes that mean more than that a request is refused.
var faults = map[string]known{
	"not_authed":       {commands.Unauthorized, "There is no Slack token yet."},
	"invalid_auth":     {commands.Unauthorized, "Slack does not take the token."},
	"token_expired":    {commands.Unauthorized, "The Slack token has expired."},
	"token_revoked":    {commands.Unauthorized, "The Slack token was revoked."},
	"account_inactive": {commands.Unauthorized, "The Slack app was removed from the workspace."},

	"missing_scope":           {commands.Denied, "The Slack app lacks a scope: add it and install the app anew."},
	"not_in_channel":          {commands.Denied, "The Slack app is not in the channel: invite it there."},
	"is_archived":             {commands.Denied, "The Slack channel is archived."},
	"no_permission":           {commands.Denied, "The Slack app may not do this."},
	"access_denied":           {commands.Denied, "The Slack app may not do this."},
	"restricted_action":       {commands.Denied, "The workspace does not let the Slack app do this."},
	"ekm_access_denied":       {commands.Denied, "The workspace's administrators keep messages from being posted."},
	"org_login_required":      {commands.Denied, "The workspace is being moved to an organization."},
	"team_access_not_granted": {commands.Denied, "The Slack app is not installed in this workspace."},
	"not_allowed_token_type":  {commands.Denied, "Slack wants a bot's token for this."},
	"cant_update_message":     {commands.Denied, "The message belongs to another Slack app."},
	"edit_window_closed":      {commands.Denied, "The workspace does not let messages be changed so late."},
	"file_uploads_disabled":   {commands.Denied, "The workspace takes no files."},

	"channel_not_found":       {commands.Missing, "Slack does not find the channel, or the app may not see it."},
	"message_not_found":       {commands.Missing, "The message is not in Slack any more."},
	"thread_not_found":        {commands.Missing, "The message is not in Slack any more."},
	"file_not_found":          {commands.Missing, "The file is not in Slack any more."},
	"cannot_reply_to_message": {commands.Missing, "The message takes no answers any more."},

	"file_upload_size_restricted": {commands.TooLarge, "The workspace takes no files of this size."},
	"storage_limit_reached":       {commands.TooLarge, "The workspace has no room for the file."},

	"ratelimited":            {commands.Limited, "Slack takes no more requests for a while."},
	"rate_limited":           {commands.Limited, "Slack takes no more requests for a while."},
	"message_limit_exceeded": {commands.Limited, "The workspace takes no more messages for a while."},

	"fatal_error":         {commands.Down, "Slack failed."},
	"internal_error":      {commands.Down, "Slack failed."},
	"service_unavailable": {commands.Down, "Slack is not available."},
	"request_timeout":     {commands.Down, "Slack did not get the whole request."},
}
