package integration

// platforms is the one table of what each platform needs. The statuses it names are those that a connection speaks of, which
// may stand for several of the vendor's own.
var platforms = map[Platform]facts{
	Salesforce: {
		name: "Salesforce", category: "crm",
		credentials: map[AuthType][]Field{OAuth2: append(oauth(), hookSecret("In the address of the outbound message, as ?secret=."))},
		settings: []Field{
			{Name: "record_type_id"},
			{Name: "origin", Doc: "Web when it is left out."},
			{Name: "organization_id", Doc: "The 18 characters that outbound messages must name."},
			{Name: "external_id_field", Doc: "An external id field of Case, like Ticket_Id__c: with it a case is never made twice, by Salesforce's own doing."},
		},
		mapping: Mapping{
			Priority: map[string]string{"low": "Low", "medium": "Medium", "high": "High", "critical": "High"},
			Status:   map[string]string{"new": "New", "open": "New", "in_progress": "Working", "pending": "Working", "resolved": "Closed", "closed": "Closed", "cancelled": "Closed"},
		},
	},
	Jira: {
		name: "Jira", category: "project_management",
		credentials: map[AuthType][]Field{
			APIKey: {{Name: "email", Required: true}, {Name: "api_token", Required: true}, hookSecret("Of the administrator's webhook.")},
			OAuth2: append(oauth(), hookSecret("Of the administrator's webhook; what comes signed with the client secret is taken too.")),
		},
		settings: []Field{
			{Name: "project_key", Required: true},
			{Name: "site", Doc: "Like acme.atlassian.net; needed for api_key without a base_url."},
			{Name: "issue_type", Doc: "Task when it is left out."},
			{Name: "cloud_id", Doc: "Of the site, for oauth2; that of the site, or the first one that the token reaches, when it is left out."},
		},
		mapping: Mapping{
			Priority: map[string]string{"low": "Low", "medium": "Medium", "high": "High", "critical": "Highest"},
			// the categories of Jira's statuses, which every workflow has
			Status: map[string]string{"new": "new", "open": "new", "in_progress": "indeterminate", "pending": "indeterminate", "resolved": "done", "closed": "done", "cancelled": "done"},
		},
	},
	Zendesk: {
		name: "Zendesk", category: "ticketing",
		credentials: map[AuthType][]Field{
			APIKey: {{Name: "email", Required: true}, {Name: "api_token", Required: true}, hookSecret("The signing secret of the webhook.")},
			OAuth2: append(oauth(), hookSecret("The signing secret of the webhook.")),
		},
		settings: []Field{{Name: "group_id"}, {Name: "subdomain", Doc: "Needed without a base_url."}},
		mapping: Mapping{
			Priority: map[string]string{"low": "low", "medium": "normal", "high": "high", "critical": "urgent"},
			Status:   map[string]string{"new": "new", "open": "open", "in_progress": "open", "pending": "pending", "resolved": "solved", "closed": "solved", "cancelled": "solved"},
		},
	},
	Intercom: {
		name: "Intercom", category: "messaging",
		credentials: map[AuthType][]Field{
			Bearer: {{Name: "token", Required: true}, hookSecret("The client secret of the app.")},
			OAuth2: append(oauthOnce(), hookSecret("The client secret of the app, when it differs.")),
		},
		settings: []Field{
			{Name: "ticket_type_id", Required: true},
			{Name: "contact_id", Doc: "Whose tickets they are; the creator's e-mail address names a contact when it is left out."},
			{Name: "admin_id", Doc: "Who replies; whom the token belongs to when it is left out."},
			{Name: "app_id", Doc: "Of the workspace, when one webhook address serves several."},
			{Name: "region", Doc: "us, eu or au; us when it is left out."},
			{Name: "priority_attribute", Doc: "A list attribute of the ticket type; mapping.priority then names its entries."},
		},
		mapping: Mapping{
			Status: map[string]string{"new": "submitted", "open": "submitted", "in_progress": "in_progress", "pending": "waiting_on_customer", "resolved": "resolved", "closed": "resolved", "cancelled": "resolved"},
		},
	},
	GitHub: {
		name: "GitHub", category: "code_repository",
		credentials: map[AuthType][]Field{
			Bearer: {{Name: "token", Required: true}, hookSecret("Of the repository's or the app's webhook.")},
			App:    {{Name: "app_id", Required: true}, {Name: "installation_id", Required: true}, {Name: "private_key", Required: true, Doc: "PEM."}, hookSecret("Of the app's webhook.")},
			OAuth2: append(oauth(), hookSecret("Of the repository's or the app's webhook.")),
		},
		settings: []Field{
			{Name: "owner", Required: true},
			{Name: "repo", Required: true},
			{Name: "files_branch", Doc: "Where files that cannot be uploaded to an issue are kept; ticket-files when it is left out."},
		},
		mapping: Mapping{
			Priority: map[string]string{"low": "priority: low", "medium": "priority: normal", "high": "priority: high", "critical": "priority: urgent"},
			Category: map[string]string{"bug": "bug", "feature_request": "enhancement"},
			Status:   map[string]string{"new": "open", "open": "open", "in_progress": "open", "pending": "open", "resolved": "completed", "closed": "completed", "cancelled": "not_planned"},
		},
	},
	Slack: {
		name: "Slack", category: "messaging",
		credentials: map[AuthType][]Field{
			Bearer: {{Name: "bot_token", Required: true}, {Name: "signing_secret", Doc: "Without it no webhook is taken."}},
			OAuth2: append(oauth(), Field{Name: "signing_secret", Doc: "Without it no webhook is taken."}),
		},
		settings: []Field{{Name: "channel", Required: true, Doc: "The id, like C0123456789."}},
		mapping: Mapping{
			Priority: map[string]string{"low": "Low", "medium": "Medium", "high": "High", "critical": "Critical"},
			// names of the emoji that say so
			Status: map[string]string{"new": "", "open": "open_file_folder", "in_progress": "eyes", "pending": "hourglass_flowing_sand", "resolved": "white_check_mark", "closed": "white_check_mark", "cancelled": "no_entry_sign"},
		},
	},
	Teams: {
		name: "Microsoft Teams", category: "communication",
		credentials: map[AuthType][]Field{
			OAuth2: append(oauth(), Field{Name: "tenant_id", Required: true}, Field{Name: "client_state", Doc: "Any secret of 128 characters at most: the subscription that the program makes shows it. Without it and the webhook_secret no webhook is taken."}, hookSecret("Of an outgoing webhook.")),
		},
		settings: []Field{{Name: "team_id", Required: true}, {Name: "channel_id", Required: true}},
		mapping: Mapping{
			Priority: map[string]string{"low": "normal", "medium": "normal", "high": "high", "critical": "urgent"},
			Status:   map[string]string{"new": "Open", "open": "Open", "in_progress": "In progress", "pending": "Pending", "resolved": "Resolved", "closed": "Resolved", "cancelled": "Cancelled"},
		},
	},
}

// oauth is what a vendor's OAuth needs whose tokens are renewed. Without a refresh token, a person must consent first.
func oauth() []Field {
	return append(oauthOnce(), Field{Name: "refresh_token", Doc: "Or let a person consent: POST /integrations/{id}/authorize."})
}

// oauthOnce is what it needs at a vendor whose tokens do not end.
func oauthOnce() []Field {
	return []Field{{Name: "client_id", Required: true}, {Name: "client_secret", Required: true}}
}

func hookSecret(doc string) Field {
	return Field{Name: "webhook_secret", Doc: doc + " Without it no webhook is taken."}
}
