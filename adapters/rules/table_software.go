package rules

// What speaks for a bug, for a wish, and for a question about something that may well work.
var softwareRules = []rule{
	// Something breaks.
	{bug, 3, symptom, "crash*|segfault*|segmentation fault|core dump*|blue screen|bsod|freezes|freezing|frozen|hangs|hanging|hung|deadlock*|infinite loop|endless loop"},
	{bug, 1.2, symptom, "error|errors|exception|exceptions|throws|throwing|thrown"},
	{bug, 1.2, symptom, "fail|fails|failed|failing|failure|failures"},
	{bug, 2, spoken, "error 500|500 error|error 404|404 error|status 500|internal server error|error message|error code|nullpointerexception|typeerror|referenceerror|valueerror|stack trace|stacktrace"},
	{bug, 3, symptom, "is down|are down|went down|went offline|is offline|outage|unreachable|not reachable|can not be reached"},
	{bug, 2, symptom, "wrong|wrongly|incorrect*|unexpected*|inconsisten*|corrupt*|garbled|mangled|mistaken*|misaligned|inaccurate*|erroneous*"},
	{bug, 2, symptom, "disappear*|vanish*|duplicated|truncated|overlap*|flicker*|cut off|blank page|white page|empty page|blank screen|white screen|black screen"},
	{bug, 2, spoken, "does not work|do not work|did not work|not working|stopped working|no longer work*|will not work|does not function|is broken|broken|breaks|breaking"},
	{bug, 1.5, spoken, "shown as|displayed as|appears as|shows the wrong|arrive twice|arrives twice|sent twice|created twice|shown twice|question marks|closes by itself|quits by itself|closes unexpectedly|can not be opened|can not be saved|can not be closed|can not be deleted|can not save|can not open|nothing happens|does nothing|just stays|no effect|has no effect|no reaction|does not respond|does not load|does not open|does not show|does not appear|does not display|not displayed|not shown|not showing|not loading|not saved|does not save|not updated|does not update|is ignored|are ignored|ignores"},
	{bug, 2.5, symptom, "regress*|used to work|worked before|worked fine before|worked yesterday|since the update|since the last update|since the upgrade|after the update|after the upgrade|after updating|after upgrading|since yesterday|since the release|since the last release|since the latest release|after the release|yesterday's release|last release|previously worked|no longer"},
	{bug, 2, symptom, "memory leak*|leaks|leaking|race condition*|overflow*|out of bounds|out of range|use after free|uninitialized|dangling|undefined behavio*|null pointer|nullptr|assertion*|assert|invalid memory"},
	{bug, 1, spoken, "intermittent*|sometimes|randomly|sporadic*|occasionally|flaky|spurious*|silently"},
	{bug, 1.5, symptom, "bug|bugs|buggy|defect*|glitch*|typo|hotfix|bugfix*"},
	{bug, 1.5, spoken, "steps to reproduce|to reproduce|reproduc*|repro|actual behavio*|actual result*|expected result*"},
	{bug, 1, asked, "expected behavio*|expected|actual|observed|reproduction|error message|call stack|stack trace|what happened|what went wrong|what should have happened|log output"},
	{bug, 2, titled, "^ fix*|fixes|fix for|^ revert*|^ correct|^ bug|bug ^|^ prevent|^ avoid|^ hotfix|^ handle|^ regression"},
	{bug, 1, titled, "does not|do not|did not|will not|is not|are not|not found|can not|unable to|never|cannot find|without|should not|causes|causing|when"},
	{bug, 1, spoken, "instead of|instead it|should be|should not|should have been|is supposed to|but it does not|but it is not|even though|although|unexpectedly|root cause|caused by"},
	{bug, 1.5, printed, "traceback|exception in thread|unhandled|uncaught|panic|segmentation fault|core dumped|fatal|assertion|null|nullpointerexception|typeerror|valueerror|attributeerror|keyerror|indexerror|referenceerror|runtimeerror|runtime error|stack trace"},
	{bug, 0.5, printed, "error|errors|failed|failure|warning"},

	// Something is wished for.
	{wish, 3, symptom, "any chance you|any chance of|feature request*|request a feature|feature idea*|feature proposal|feature suggestion|enhancement*|new feature|wishlist|wish list"},
	{wish, 3, spoken, "would be nice|would be great|would be good|would be cool|would be helpful|would be useful|would be awesome|would be handy|would be beneficial|would be better|would be convenient|would be a good|would be a great|would be a nice|would be very|would be really|would be much|would love|would help|would make it|be nice to|be nice if|be great if|nice to have|it be nice|it be great|it be cool"},
	{wish, 2.5, spoken, "please add|can you add|could you add|please support|please implement|please allow|please provide|please consider|please make it|please include|can you please add|could you please add|can we add|can we have|can we get|could we have|could we get|i would like to see|like to see|i would like to be able|would like to be able|i would like to have|we would like to have|like to request|i want to be able|i wish|we wish|wish there was|i suggest|i propose|we propose|i am proposing|suggest adding|suggest to|suggestion*|idea|ideas|proposal*|propose|proposed|proposes|rfc"},
	{wish, 2, spoken, "should be possible|should be able to|should support|should allow|should provide|should offer|should have an option|should also|could be improved|can be improved|could also|more intuitive|more descriptive|make it easier|makes it easier|easier to|more flexible|user friendly|it would|that would|this would|would allow|would enable|would also"},
	{wish, 1.5, spoken, "ability to|possibility to|option to|an option|a setting|new option|new setting|add support|adding support|support for|add a|add an|adding a|configurable|customiz*|customis*|toggle|opt in|opt out|allow us|allow users|allow the user|let users|lets users|allows users"},
	{wish, 1.5, spoken, "currently there is no|there is no way|there is currently no|there is no option|not currently possible|currently not possible|is not possible to|not yet supported|not supported|does not support|no support for|lacks|lack of|no easy way|no way to|unsupported|not available|missing feature*|is missing a"},
	{wish, 1.5, spoken, "use case*|usecase*|motivation|rationale|benefit*|alternative*|trade off*|roadmap|feature"},
	{wish, 2, asked, "solution you would like|describe the solution|alternatives|alternative solution*|feature|motivation|proposed|proposal|suggest*|use case*|pitch|wish|improvement*|problem you are trying to solve"},
	{wish, 2.5, titled, "^ add|^ adding|^ adds|^ added|^ allow*|^ support*|^ enable|^ provide|^ implement*|^ make|^ improve*|^ introduce|^ expose|^ consider|^ extend|^ include|^ option|^ ability|^ use|^ create|^ let|^ request|^ please|^ new|^ feature|^ feat|^ idea|^ proposal|^ wish|^ suggestion|^ enhance*|^ optimi*|^ replace|^ remove|^ rename|^ move|^ drop|^ change|^ switch|^ show|^ split|^ separate|^ customiz*|^ convert|^ automatically|^ better|^ more|^ integrate|^ validate|^ display"},
	{wish, 1.5, titled, "support|feature|option|implementation|improvement*|ability|allow|add|setting|should|could|provide|expose|configurable|api for|request"},

	// Somebody asks, or needs a hand.
	{technical, 2, titled, "^ how|^ what|^ why|^ where|^ which|^ is there|^ is it|^ is this|^ is the|^ are there|^ are these|^ can i|^ can we|^ can you|^ can someone|^ can anyone|^ can it|^ does it|^ does the|^ does this|^ does anyone|^ do i|^ do we|^ do you|^ who|^ has anyone|^ should i|^ should we|^ question*|^ q|^ help|^ need|^ need help|question ^|^ trouble|^ problem*|issue with|issues with|^ about"},
	{technical, 1.5, titled, "?"},
	{technical, 2.5, spoken, "how do i|how can i|how to|how do we|how can we|how should i|how should we|how would i|how does|how can|how do you"},
	{technical, 2, spoken, "^ which|^ how much|^ how many|is it possible|is there a way|is there any|is there an|is there some|can i|may i|could i|what is the|what does|what are|what should|why is|why does|why do|why are|why did|where is|where can|where do|where are|which version|should i|do i need|do i have to|does it mean|does this mean|does anyone|does anybody|has anyone|has anybody|am i|is this expected|is that expected|is this normal|is this a bug|is it normal|is this correct|is it correct|is there something"},
	{technical, 2, spoken, "a question|my question|the question|question is|question about|question regarding|questions about|questions regarding|some questions|few questions|quick question|^ question ^|^ questions ^|wonder*|i do not understand|confus*|not sure|i do not know|i did not find|i could not find|i can not find|can not figure|could not figure|clarif*|explain|could you tell|can you tell|could someone|can someone|can anyone|can anybody|anyone|anybody"},
	{technical, 2, spoken, "any idea*|any help|any suggestion*|any advice|any hint*|any clue|please help|help me|need help|needs help|some help|guide|guidance|advice|please advise|advise|appreciate*|i am stuck|i am new|newbie|beginner|doing wrong|did wrong|am i missing|missing something|i tried|i have tried|tried to|i am trying|i am using|i am working|i followed|i would like to know|thank you in advance|thanks in advance"},
	{technical, 2, spoken, "my code|my program|my script|my project|my application|my function|when i run|i run|i am getting|i am not able|i am unable|i can not"},
	{technical, 1, spoken, "?"},
	{technical, 0.5, spoken, "thanks|thank you|best regards|kind regards"},
	{technical, 1, spoken, "tutorial*|documentation|docs|manual|instructions|instruction|recommend*|getting started|example|examples|course|learn|learning|stackoverflow|stack overflow|forum"},
	{technical, 1, spoken, "^ hi|^ hello|^ hey|^ dear|^ good morning|^ greetings|my|i have|i am|i get|i got|me"},
	{technical, 2, spoken, "install*|uninstall*|reinstall*|set up|setup|setting up|configure|configuring|configuration|upgrade to|migrate|migrating|compile|compiling|build from source|building|linking|cross compil*|download*|undefined reference|deploy*"},
}
