package rules

// The most usual words in German, French and Spanish. They are few, so what they say is never said with much confidence.
var foreignRules = []rule{
	{billing, 4, spoken, "rechnung*|rückerstattung|abgebucht|lastschrift|zahlung*|gutschrift|facture*|facturé*|remboursement|rembourser|paiement*|prélèvement*|factura*|reembolso*|cobrado|cobro|pago|pagos"},
	{access, 4, spoken, "passwort*|kennwort*|einloggen|anmelden|anmeldung|zugang|zugriff|gesperrt|mot de passe|connexion|me connecter|identifiant*|accès|contraseña*|iniciar sesión|acceso|acceder|bloqueada|bloqueado"},
	{security, 5, spoken, "gehackt|virus|schadsoftware|gestohlen|sicherheitslücke*|verdächtig*|piraté|piratage|hameçonnage|volé|suspect|hackeado|hackearon|robado|robada|sospechos*"},
	{performance, 4, spoken, "langsam*|dauert ewig|dauert zu lange|dauert sehr lange|lent|lente|lenteur|très long|lento|lenta|tarda mucho|tarda demasiado"},
	{bug, 3, spoken, "fehler*|absturz|stürzt|abgestürzt|funktioniert nicht|geht nicht|kaputt|erreur*|plante|planté|bogue|ne fonctionne pas|ne marche pas|ne fonctionne plus|ne marche plus|fallo|no funciona|se cierra|se cuelga|dejó de funcionar"},
	{wish, 4, spoken, "wäre schön|wäre gut|wäre toll|ich wünsche mir|bitte fügen|funktionswunsch|könnten sie bitte hinzufügen|serait bien|serait utile|pourriez vous ajouter|ajouter|sería bueno|sería útil|me gustaría que|añadir|agregar"},
	{technical, 3, spoken, "wie kann ich|wie geht|ist es möglich|drucker*|netzwerk|installieren|comment puis|comment faire|est ce possible|est il possible|imprimante|installer|cómo puedo|es posible|impresora|instalar"},
	{technical, 2, titled, "^ wie|^ comment|^ cómo"},
	{integration, 3, spoken, "schnittstelle*|anbindung|interfaz|intégration|integración"},
}

// foreignWords are small words that English does not have, and englishWords those that the others do not.
var (
	foreignWords = set("der die das und ich nicht ist mit ein eine auf für wir sie bitte kann mein meine " +
		"le la les et je est pas une des que mon ma nous vous dans pour avec sur " +
		"el los las y no es un una con para por mi del se en su al está")
	englishWords = set("the and is are to of it i my we you with for on this that not can be have please in at was from")
)
