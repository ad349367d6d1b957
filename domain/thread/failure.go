package thread

// Reason says in a sentence for people why there is no reply. What they said is kept whatever the reason.
func (e ReplyFailed) Reason() string { return Reason(e.Code) }

// Reason is ReplyFailed's, for those who have the code alone.
func Reason(code string) string {
	switch code {
	case "none":
		return "No provider of models is configured, and replies are not written by rules. Your message is kept."
	case "budget":
		return "The month's budget for models is used up. Your message is kept."
	case "rate_limited", "unavailable", "circuit_open", "refused_key":
		return "No provider of models can be reached at the moment. Your message is kept; send another to try again."
	case "timeout":
		return "The agent took longer than it may. Your message is kept; send another to try again."
	case "inactive":
		return "Whoever wrote this is no active member any more. The message is kept."
	}
	return "The agent could not reply. Your message is kept; the run says what went wrong."
}
