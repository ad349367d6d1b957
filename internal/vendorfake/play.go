package vendorfake

import "ticketd/domain/integration"

// Play starts the vendor of a platform. false: nobody plays it.
func Play(p integration.Platform) (Vendor, bool) {
	switch p {
	case integration.Salesforce:
		return NewSalesforce(), true
	case integration.Jira:
		return NewJira(), true
	case integration.Zendesk:
		return NewZendesk(), true
	case integration.Intercom:
		return NewIntercom(), true
	case integration.GitHub:
		return NewGitHub(), true
	case integration.Slack:
		return NewSlack(), true
	case integration.Teams:
		return NewTeams(), true
	}
	return nil, false
}
