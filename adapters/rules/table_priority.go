package rules

// What makes a request more or less urgent. The weights add up; see priorities.
var priorityRules = []rule{
	{urgent, 4, symptom, "production is down|production down|prod is down|system is down|site is down|website is down|server is down|service is down|servers are down|everything is down|whole company|entire company|all users|all our users|all customers|all of our customers|every user|everyone|everybody|nobody can|no one can|none of us can|whole team|entire team|whole office|entire office|outage|complete standstill|business critical|mission critical|showstopper|completely down|totally down|is down for"},
	{urgent, 4, symptom, "data loss|lost data|lost all|lost our data|lost my data|lost all my|data is gone|data are gone|all data|deleted everything|data breach|security breach|ransomware|customer data|leaked|were hacked|was hacked|been hacked|got hacked|got into my|got into our|stolen|compromised"},
	{urgent, 2, symptom, "urgent|urgently|asap|as soon as possible|immediately|emergency|critical|blocker|blocking us|blocks us|blocking our|right now|right away|high priority|top priority|highest priority|severe|at once"},
	{urgent, 2, symptom, "in production|production environment|on production|live system|our customers|losing money|losing customers|can not work|can not do my work|unable to work|stops us from working|work has stopped|no workaround|deadline|by tomorrow|until tomorrow|due today|due tomorrow|by the end of the day|by end of day|today's|before noon|in an hour|within the hour|goes live|go live|presentation today|presentation tomorrow|payroll"},
	{urgent, 2, symptom, "locked out|crash*|corrupt*|security incident|segmentation fault|out of memory"},
	{urgent, 1, symptom, "phishing|malware|virus|vulnerab*|suspicious*|security issue|every time|several users|several people|many users|many people|some users|multiple users|other users|colleagues|since this morning|again and again|still not|still waiting|third time|second time|important|regression|stopped working|charged twice|overcharged|double charge"},
	{urgent, 2, spoken, "dringend*|sofort|notfall|eilt|urgente|urgence|emergencia|alle mitarbeiter|niemand kann|tout le monde|todo el mundo|nadie puede"},
	{calm, 3, spoken, "not urgent|no rush|no hurry|low priority|minor|cosmetic*|trivial|typo|typos|spelling|nice to have|nit|nitpick|when you have time|when you get a chance|whenever you|at your convenience|some day|someday|no big deal|not a big deal|not important|not critical|small thing|little thing|just curious|out of curiosity|nicht dringend|nicht eilig|pas urgent|sin prisa"},
	{calm, 2, spoken, "would be nice|would be great|would be cool|be nice if|be nice to|wishlist|wish list|feature request|suggestion|idea|slightly|a bit|colour|color|icon|alignment|pixel*|font|dark mode|theme|just a question|quick question|wondering"},
	{calm, 1, spoken, "how do i|how can i|how to|is it possible|is there a way|what is the|where can|documentation|workaround|wäre schön|serait bien|sería bueno"},
}
