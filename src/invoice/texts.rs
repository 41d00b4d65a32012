//! What a person reads about a rule: our own wording of the most common ones, French and English, as one table.
//!
//! `{name}` is filled from the case. A rule without a row keeps the reader's wording and gets the general remedy.

use crate::fault::Language;

/// The words of a rule; `rule` ends with `*` when it stands for all that begin so.
pub struct Words {
    pub rule: &'static str,
    message: [&'static str; 2],
    remedy: [&'static str; 2],
}

/// One of two texts.
pub fn pick<'a>(language: Language, fr: &'a str, en: &'a str) -> &'a str {
    match language {
        Language::Fr => fr,
        Language::En => en,
    }
}

/// The words for a rule, if it has its own.
pub fn words(rule: &str) -> Option<&'static Words> {
    WORDS
        .iter()
        .find(|w| w.rule == rule)
        .or_else(|| WORDS.iter().find(|w| w.rule.strip_suffix('*').is_some_and(|prefix| rule.starts_with(prefix))))
}

impl Words {
    /// The message, its blanks filled.
    pub fn message(&self, language: Language, values: &[(&str, &str)]) -> String {
        fill(self.message[language as usize], values)
    }

    /// The remedy, its blanks filled.
    pub fn remedy(&self, language: Language, values: &[(&str, &str)]) -> String {
        fill(self.remedy[language as usize], values)
    }
}

/// The remedy for a rule that has no words of its own.
pub fn general_remedy(language: Language) -> &'static str {
    pick(
        language,
        "Corrigez cette donnée dans l'application qui produit la facture, puis déposez la facture corrigée.",
        "Correct this in the application that makes the invoice, then drop the corrected invoice.",
    )
}

/// What the document states against what the rule computed.
pub fn expected_actual(language: Language, expected: &str, actual: &str) -> String {
    match language {
        Language::Fr => format!(" (attendu : {expected} ; écrit : {actual})"),
        Language::En => format!(" (expected: {expected}; written: {actual})"),
    }
}

fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        let value = values.iter().find(|(n, _)| *n == name).map_or("?", |(_, v)| *v);
        filled.extend(value.chars().take(VALUE_CHARACTERS));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

/// The longest value quoted in a text, in characters.
const VALUE_CHARACTERS: usize = 120;

macro_rules! words {
    ($($rule:literal { $mfr:literal $rfr:literal $men:literal $ren:literal })*) => {
        /// The table. Exact ids win over prefixes.
        pub const WORDS: &[Words] = &[$(Words { rule: $rule, message: [$mfr, $men], remedy: [$rfr, $ren] },)*];
    };
}

words! {
    "BR-01" {
        "L'identifiant de spécification manque (BT-24)."
        "Indiquez le profil de la facture, par exemple urn:cen.eu:en16931:2017."
        "The specification identifier is missing (BT-24)."
        "State the invoice's profile, for example urn:cen.eu:en16931:2017."
    }
    "BR-02" {
        "La facture n'a pas de numéro (BT-1)."
        "Donnez à la facture son numéro, unique pour ce fournisseur."
        "The invoice has no number (BT-1)."
        "Give the invoice its number, unique for this supplier."
    }
    "BR-03" {
        "La date de facture manque (BT-2)."
        "Indiquez la date d'émission, au format AAAA-MM-JJ."
        "The issue date is missing (BT-2)."
        "State the issue date, as YYYY-MM-DD."
    }
    "BR-04" {
        "Le type de document manque (BT-3)."
        "Indiquez 380 pour une facture, 381 pour un avoir."
        "The document type is missing (BT-3)."
        "State 380 for an invoice, 381 for a credit note."
    }
    "BR-05" {
        "La devise manque (BT-5)."
        "Indiquez la devise de la facture, par exemple EUR."
        "The currency is missing (BT-5)."
        "State the invoice's currency, for example EUR."
    }
    "BR-06" {
        "Le nom du vendeur manque (BT-27)."
        "Indiquez la raison sociale du fournisseur."
        "The seller's name is missing (BT-27)."
        "State the supplier's registered name."
    }
    "BR-07" {
        "Le nom de l'acheteur manque (BT-44)."
        "Indiquez le nom de la structure destinataire."
        "The buyer's name is missing (BT-44)."
        "State the name of the receiving body."
    }
    "BR-08" {
        "L'adresse du vendeur manque (BG-5)."
        "Ajoutez l'adresse postale du fournisseur, avec son code pays."
        "The seller's address is missing (BG-5)."
        "Add the supplier's postal address, with its country code."
    }
    "BR-09" {
        "Le code pays du vendeur manque (BT-40)."
        "Indiquez le code pays à deux lettres de l'adresse du fournisseur, par exemple FR."
        "The seller's country code is missing (BT-40)."
        "State the two-letter country code of the supplier's address, for example FR."
    }
    "BR-10" {
        "L'adresse de l'acheteur manque (BG-8)."
        "Ajoutez l'adresse postale du destinataire, avec son code pays."
        "The buyer's address is missing (BG-8)."
        "Add the recipient's postal address, with its country code."
    }
    "BR-11" {
        "Le code pays de l'acheteur manque (BT-55)."
        "Indiquez le code pays à deux lettres de l'adresse du destinataire, par exemple FR."
        "The buyer's country code is missing (BT-55)."
        "State the two-letter country code of the recipient's address, for example FR."
    }
    "BR-16" {
        "La facture n'a aucune ligne (BG-25)."
        "Ajoutez au moins une ligne de facture."
        "The invoice has no line (BG-25)."
        "Add at least one invoice line."
    }
    "BR-27" {
        "Le prix unitaire net d'une ligne est négatif (BT-146)."
        "Écrivez un prix positif ; pour une reprise, mettez le signe moins à la quantité (BT-129)."
        "A line's net unit price is negative (BT-146)."
        "Write a positive price; to take something back, put the minus sign on the quantity (BT-129)."
    }
    "BR-49" {
        "Le code du moyen de paiement manque (BT-81)."
        "Indiquez le code du moyen de paiement : 30 pour un virement, 58 pour un virement SEPA."
        "The payment means code is missing (BT-81)."
        "State the payment means code: 30 for a credit transfer, 58 for a SEPA one."
    }
    "BR-CO-09" {
        "Un numéro de TVA ne commence pas par un code pays (BT-31, BT-48 ou BT-63)."
        "Écrivez le numéro de TVA intracommunautaire en entier, par exemple FR32912345678."
        "A VAT number does not begin with a country code (BT-31, BT-48 or BT-63)."
        "Write the VAT number in full, for example FR32912345678."
    }
    "BR-CO-10" {
        "Le total des lignes (BT-106) n'est pas la somme des montants nets des lignes (BT-131)."
        "Recalculez le total des lignes, ou corrigez la ligne fausse."
        "The total of lines (BT-106) is not the sum of the lines' net amounts (BT-131)."
        "Compute the total of lines again, or correct the wrong line."
    }
    "BR-CO-11" {
        "Le total des remises (BT-107) n'est pas la somme des remises de la facture (BT-92)."
        "Recalculez le total des remises de pied de facture."
        "The total of allowances (BT-107) is not the sum of the invoice's allowances (BT-92)."
        "Compute the total of the document's allowances again."
    }
    "BR-CO-12" {
        "Le total des frais (BT-108) n'est pas la somme des frais de la facture (BT-99)."
        "Recalculez le total des frais de pied de facture."
        "The total of charges (BT-108) is not the sum of the invoice's charges (BT-99)."
        "Compute the total of the document's charges again."
    }
    "BR-CO-13" {
        "Le total hors taxes (BT-109) n'est pas : lignes (BT-106) - remises (BT-107) + frais (BT-108)."
        "Recalculez le total hors taxes."
        "The total without VAT (BT-109) is not: lines (BT-106) - allowances (BT-107) + charges (BT-108)."
        "Compute the total without VAT again."
    }
    "BR-CO-14" {
        "Le total de TVA (BT-110) n'est pas la somme des montants de TVA par taux (BT-117)."
        "Recalculez le total de TVA à partir de la ventilation."
        "The VAT total (BT-110) is not the sum of the VAT amounts of each rate (BT-117)."
        "Compute the VAT total again from the breakdown."
    }
    "BR-CO-15" {
        "Le total TTC (BT-112) n'est pas : total hors taxes (BT-109) + TVA (BT-110)."
        "Recalculez le total TTC."
        "The total with VAT (BT-112) is not: total without VAT (BT-109) + VAT (BT-110)."
        "Compute the total with VAT again."
    }
    "BR-CO-16" {
        "Le net à payer (BT-115) n'est pas : total TTC (BT-112) - déjà payé (BT-113) + arrondi (BT-114)."
        "Recalculez le net à payer."
        "The amount due (BT-115) is not: total with VAT (BT-112) - paid (BT-113) + rounding (BT-114)."
        "Compute the amount due again."
    }
    "BR-CO-17" {
        "Un montant de TVA (BT-117) n'est pas sa base (BT-116) multipliée par son taux (BT-119)."
        "Recalculez la TVA de ce taux, arrondie au centime."
        "A VAT amount (BT-117) is not its base (BT-116) times its rate (BT-119)."
        "Compute the VAT of this rate again, rounded to the cent."
    }
    "BR-CO-18" {
        "La ventilation de la TVA manque (BG-23)."
        "Ajoutez une ventilation de TVA par taux et par catégorie."
        "The VAT breakdown is missing (BG-23)."
        "Add one VAT breakdown for each rate and category."
    }
    "BR-CO-25" {
        "Un net à payer positif demande une date d'échéance (BT-9) ou des conditions de paiement (BT-20)."
        "Ajoutez la date d'échéance, ou écrivez les conditions de paiement."
        "A positive amount due needs a due date (BT-9) or payment terms (BT-20)."
        "Add the due date, or write the payment terms."
    }
    "BR-CO-26" {
        "Rien n'identifie le vendeur (BT-29, BT-30 ou BT-31)."
        "Indiquez le SIRET du fournisseur (BT-29, schéma 0009) ou son SIREN (BT-30, schéma 0002)."
        "Nothing identifies the seller (BT-29, BT-30 or BT-31)."
        "State the supplier's SIRET (BT-29, scheme 0009) or its SIREN (BT-30, scheme 0002)."
    }
    "BR-S-02" {
        "Une ligne au taux normal de TVA demande le numéro de TVA ou fiscal du vendeur (BT-31, BT-32 ou BT-63)."
        "Ajoutez le numéro de TVA du fournisseur."
        "A line with standard VAT needs the seller's VAT or tax number (BT-31, BT-32 or BT-63)."
        "Add the supplier's VAT number."
    }
    "BR-S-08" {
        "Pour un taux de TVA, la base (BT-116) n'est pas la somme des lignes, remises et frais à ce taux."
        "Recalculez la base de ce taux, ou corrigez le taux de la ligne concernée."
        "For a VAT rate, the base (BT-116) is not the sum of lines, allowances and charges at this rate."
        "Compute this rate's base again, or correct the rate of the line concerned."
    }
    "BR-S-10" {
        "Une TVA au taux normal ne doit pas porter de motif d'exonération (BT-120, BT-121)."
        "Retirez le motif d'exonération, ou corrigez la catégorie de TVA."
        "Standard VAT must not carry an exemption reason (BT-120, BT-121)."
        "Remove the exemption reason, or correct the VAT category."
    }
    "BR-AE-08" {
        "Pour l'autoliquidation, la base (BT-116) n'est pas la somme des lignes, remises et frais en autoliquidation."
        "Recalculez la base de la catégorie AE, ou corrigez la catégorie de la ligne concernée."
        "For reverse charge, the base (BT-116) is not the sum of lines, allowances and charges under reverse charge."
        "Compute the base of category AE again, or correct the category of the line concerned."
    }
    "BR-E-08" {
        "Pour les opérations exonérées, la base (BT-116) n'est pas la somme des lignes, remises et frais exonérés."
        "Recalculez la base de la catégorie E, ou corrigez la catégorie de la ligne concernée."
        "For exempt supplies, the base (BT-116) is not the sum of exempt lines, allowances and charges."
        "Compute the base of category E again, or correct the category of the line concerned."
    }
    "BR-O-08" {
        "Pour les opérations hors champ de TVA, la base (BT-116) n'est pas la somme des lignes, remises et frais hors champ."
        "Recalculez la base de la catégorie O, ou corrigez la catégorie de la ligne concernée."
        "For supplies outside VAT, the base (BT-116) is not the sum of lines, allowances and charges outside VAT."
        "Compute the base of category O again, or correct the category of the line concerned."
    }
    "BR-E-10" {
        "Une exonération de TVA demande son motif (BT-120 ou BT-121)."
        "Écrivez le motif d'exonération, par exemple l'article du code général des impôts."
        "A VAT exemption needs its reason (BT-120 or BT-121)."
        "Write the reason of the exemption, for example the article of the tax code."
    }
    "BR-DEC-*" {
        "Un montant a plus de deux décimales."
        "Arrondissez ce montant au centime."
        "An amount has more than two decimals."
        "Round this amount to the cent."
    }
    "UBL-DT-01" {
        "Un montant a plus de deux décimales : {value}."
        "Arrondissez ce montant au centime ; seuls les prix unitaires peuvent être plus précis."
        "An amount has more than two decimals: {value}."
        "Round this amount to the cent; only unit prices may be more precise."
    }
    "BR-CL-01" {
        "Le type de document n'est pas dans la liste admise (BT-3)."
        "Utilisez 380 pour une facture ou 381 pour un avoir (liste UNTDID 1001)."
        "The document type is not in the list (BT-3)."
        "Use 380 for an invoice or 381 for a credit note (list UNTDID 1001)."
    }
    "BR-CL-17" {
        "Une catégorie de TVA n'est pas dans la liste admise."
        "Utilisez un code de la liste UNTDID 5305 : S (taux normal), E (exonéré), AE (autoliquidation), Z, K, G, O, L ou M."
        "A VAT category is not in the list."
        "Use a code of list UNTDID 5305: S (standard), E (exempt), AE (reverse charge), Z, K, G, O, L or M."
    }
    "BR-CL-18" {
        "Une catégorie de TVA de ligne n'est pas dans la liste admise (BT-151)."
        "Utilisez un code de la liste UNTDID 5305 : S (taux normal), E (exonéré), AE (autoliquidation), Z, K, G, O, L ou M."
        "A line's VAT category is not in the list (BT-151)."
        "Use a code of list UNTDID 5305: S (standard), E (exempt), AE (reverse charge), Z, K, G, O, L or M."
    }
    "BR-CL-23" {
        "Une unité de mesure n'est pas dans la liste admise (BT-130, BT-150)."
        "Utilisez un code d'unité UN/ECE, par exemple C62 (pièce), HUR (heure), KGM (kilogramme)."
        "A unit of measure is not in the list (BT-130, BT-150)."
        "Use a UN/ECE unit code, for example C62 (piece), HUR (hour), KGM (kilogram)."
    }
    "BR-CL-*" {
        "Un code n'est pas dans la liste que la norme admet à cet endroit."
        "Remplacez-le par un code de la liste (l'élément concerné est indiqué)."
        "A code is not in the list that the standard allows here."
        "Replace it by a code of the list (the place is given)."
    }
    "UBL-SR-07" {
        "Une référence à une facture antérieure ne la nomme pas (BT-25)."
        "Écrivez le numéro de la facture d'origine, ou retirez la référence."
        "A reference to a preceding invoice does not name it (BT-25)."
        "Write the number of the original invoice, or remove the reference."
    }
    "UBL-SR-43" {
        "Un document joint porte un schéma d'identifiant sans être l'objet facturé (BT-18)."
        "Donnez-lui le type 130 s'il s'agit de l'objet facturé, sinon retirez le schéma."
        "A joined document carries an identifier scheme without being the invoiced object (BT-18)."
        "Give it type 130 if it is the invoiced object; else remove the scheme."
    }
    "UBL-SR-*" {
        "Un élément apparaît plus de fois que la norme ne l'admet."
        "N'écrivez cet élément qu'une fois (l'endroit est indiqué)."
        "An element occurs more often than the standard allows."
        "Write this element once only (the place is given)."
    }
    "CII-SR-*" {
        "Un élément est en trop ou manque à cet endroit du CII."
        "Corrigez cet élément (l'endroit est indiqué)."
        "An element is one too many, or missing, at this place of the CII."
        "Correct this element (the place is given)."
    }
    "CII-DT-*" {
        "Un élément ou un attribut est interdit, manque, ou a une valeur non admise à cet endroit du CII."
        "Corrigez cet élément (l'endroit est indiqué) : un document joint a le type 916, 50 ou 130, celui d'une ligne 130."
        "An element or attribute is forbidden, missing, or has a value that is not allowed, at this place of the CII."
        "Correct this element (the place is given): a joined document has type 916, 50 or 130, that of a line 130."
    }
    "UBL-DT-*" {
        "Un attribut est interdit ou manque à cet endroit de l'UBL."
        "Corrigez cet attribut (l'endroit est indiqué)."
        "An attribute is forbidden or missing at this place of the UBL."
        "Correct this attribute (the place is given)."
    }
    "FG-DECIMAL" {
        "Un nombre est mal écrit : « {value} »."
        "Écrivez-le avec un point décimal, sans espace, sans lettre ni exposant : 2400.00."
        "A number is badly written: \"{value}\"."
        "Write it with a decimal point, without space, letter or exponent: 2400.00."
    }
    "FG-VALUE" {
        "Une valeur ne peut pas être lue : « {value} »."
        "Corrigez cette valeur : date AAAA-MM-JJ, vrai/faux « true » ou « false », contenu joint en base64."
        "A value cannot be read: \"{value}\"."
        "Correct this value: date YYYY-MM-DD, \"true\" or \"false\", attached content in base64."
    }
    "FG-DUPLICATE" {
        "Un élément est écrit deux fois là où un seul est admis ; le premier seul serait lu."
        "Ne gardez qu'un des deux éléments."
        "An element is written twice where one is allowed; only the first would be read."
        "Keep only one of the two elements."
    }
    "FG-SCHEMA" {
        "Le document s'écarte du schéma à cet endroit."
        "Corrigez cet élément selon le schéma UBL 2.1 ou CII D16B."
        "The document departs from the schema at this place."
        "Correct this element according to the UBL 2.1 or CII D16B schema."
    }
    "FG-ENCODING" {
        "Le fichier n'est pas écrit en UTF-8 mais en {encoding}."
        "Enregistrez le fichier en UTF-8 : c'est ce que Chorus Pro attend."
        "The file is not written in UTF-8 but in {encoding}."
        "Save the file as UTF-8: that is what Chorus Pro expects."
    }
    "FG-PDF" {
        "Le PDF et la facture qu'il contient ne s'accordent pas : {detail}."
        "Faites produire un Factur-X conforme (PDF/A-3, factur-x.xml associé, métadonnées XMP)."
        "The PDF and the invoice inside it disagree: {detail}."
        "Have a conforming Factur-X made (PDF/A-3, factur-x.xml associated, XMP metadata)."
    }
    "FG-MORE" {
        "{count} autres anomalies ne sont pas montrées."
        "Corrigez d'abord celles de la liste."
        "{count} further findings are not shown."
        "Correct those of the list first."
    }
    "CPRO-NUMBER-LENGTH" {
        "Le numéro de facture a {length} caractères ; Chorus Pro en admet {limit} (BT-1)."
        "Donnez à la facture un numéro de {limit} caractères au plus."
        "The invoice number has {length} characters; Chorus Pro allows {limit} (BT-1)."
        "Give the invoice a number of at most {limit} characters."
    }
    "CPRO-NUMBER-CHARACTERS" {
        "Le numéro de facture contient « {value} », que Chorus Pro refuse (BT-1)."
        "N'utilisez que lettres sans accent, chiffres, espace et - _ / +."
        "The invoice number holds \"{value}\", which Chorus Pro refuses (BT-1)."
        "Use only letters without accent, digits, space and - _ / +."
    }
    "CPRO-PRECEDING-LENGTH" {
        "Le numéro de la facture d'origine a plus de {limit} caractères (BT-25)."
        "Reprenez le numéro d'origine tel que Chorus Pro le connaît."
        "The number of the original invoice has more than {limit} characters (BT-25)."
        "Take the original number as Chorus Pro knows it."
    }
    "CPRO-SUPPLIER-ID" {
        "Rien n'identifie le fournisseur pour Chorus Pro."
        "Indiquez son SIRET (BT-29, schéma 0009)."
        "Nothing identifies the supplier for Chorus Pro."
        "State its SIRET (BT-29, scheme 0009)."
    }
    "CPRO-SUPPLIER-SIRET-KEY" {
        "La clé du SIRET du fournisseur est fausse : {value}."
        "Vérifiez les 14 chiffres du SIRET."
        "The check digit of the supplier's SIRET is wrong: {value}."
        "Check the 14 digits of the SIRET."
    }
    "CPRO-BUYER-SIRET" {
        "Le SIRET du destinataire manque (BT-46, schéma 0009)."
        "Indiquez les 14 chiffres du SIRET de la structure publique destinataire."
        "The recipient's SIRET is missing (BT-46, scheme 0009)."
        "State the 14 digits of the receiving public body's SIRET."
    }
    "CPRO-BUYER-SIRET-FORM" {
        "Le SIRET du destinataire n'a pas 14 chiffres : « {value} »."
        "Indiquez les 14 chiffres, sans espace ; un SIREN (9 chiffres) ne suffit pas."
        "The recipient's SIRET has not 14 digits: \"{value}\"."
        "State the 14 digits, without spaces; a SIREN (9 digits) is not enough."
    }
    "CPRO-BUYER-SIRET-KEY" {
        "La clé du SIRET du destinataire est fausse : {value}."
        "Vérifiez les 14 chiffres du SIRET auprès du destinataire."
        "The check digit of the recipient's SIRET is wrong: {value}."
        "Check the 14 digits of the SIRET with the recipient."
    }
    "CPRO-ENGAGEMENT-LENGTH" {
        "Le numéro d'engagement a {length} caractères ; Chorus Pro en admet {limit} (BT-13)."
        "Reprenez le numéro d'engagement communiqué par le destinataire, sans rien y ajouter."
        "The commitment number has {length} characters; Chorus Pro allows {limit} (BT-13)."
        "Take the commitment number that the recipient gave, and add nothing to it."
    }
    "CPRO-MARKET-LENGTH" {
        "Le numéro de marché a {length} caractères ; Chorus Pro en admet {limit} (BT-12)."
        "Reprenez le numéro de marché communiqué par le destinataire, sans rien y ajouter."
        "The contract number has {length} characters; Chorus Pro allows {limit} (BT-12)."
        "Take the contract number that the recipient gave, and add nothing to it."
    }
    "CPRO-SERVICE-LENGTH" {
        "Le code service a {length} caractères ; Chorus Pro en admet {limit} (BT-10 ou BT-46)."
        "Reprenez le code service de l'annuaire de Chorus Pro."
        "The service code has {length} characters; Chorus Pro allows {limit} (BT-10 or BT-46)."
        "Take the service code from Chorus Pro's directory."
    }
    "CPRO-ATTACHMENT-SIZE" {
        "La pièce jointe « {name} » pèse {length} octets ; Chorus Pro en admet {limit}."
        "Allégez cette pièce jointe, ou coupez-la en plusieurs."
        "The attachment \"{name}\" has {length} bytes; Chorus Pro allows {limit}."
        "Make this attachment lighter, or split it."
    }
    "CPRO-ATTACHMENT-NAME-LENGTH" {
        "Le nom de la pièce jointe « {name} » a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez le nom de la pièce jointe."
        "The name of attachment \"{name}\" has {length} characters; Chorus Pro allows {limit}."
        "Shorten the attachment's name."
    }
    "CPRO-ATTACHMENT-NAME" {
        "Le nom de la pièce jointe « {name} » contient un caractère que Chorus Pro refuse : {value}"
        "Renommez-la sans aucun de % $ ! & / \\ : ; « » # @ ni caractère de contrôle."
        "The name of attachment \"{name}\" holds a character that Chorus Pro refuses: {value}"
        "Rename it without any of % $ ! & / \\ : ; « » # @ nor control characters."
    }
    "CPRO-ATTACHMENT-EXTENSION" {
        "Chorus Pro ne prend pas cette sorte de pièce jointe : « {name} »."
        "Joignez un PDF, une image ou un document bureautique, avec son extension."
        "Chorus Pro does not take this kind of attachment: \"{name}\"."
        "Attach a PDF, an image or an office document, with its extension."
    }
    "CPRO-TOTAL-SIZE" {
        "Le dossier pèse {length} octets ; Chorus Pro en admet {limit}, pièces jointes comprises."
        "Allégez les pièces jointes, ou envoyez-en une partie plus tard."
        "The whole has {length} bytes; Chorus Pro allows {limit}, attachments included."
        "Make the attachments lighter, or send some of them later."
    }
    "CPRO-FRAME" {
        "Le cadre de facturation « {value} » n'existe pas (BT-23)."
        "Utilisez un cadre de A1 à A25 ; A1 est la facture ordinaire d'un fournisseur."
        "The invoicing framework \"{value}\" does not exist (BT-23)."
        "Use a framework from A1 to A25; A1 is a supplier's ordinary invoice."
    }
    "CPRO-FRAME-S5" {
        "Le cadre S5 n'est pas admis vers un destinataire public (BT-23)."
        "Utilisez S3 pour la sous-traitance à paiement direct."
        "Framework S5 is not allowed towards a public recipient (BT-23)."
        "Use S3 for subcontracting with direct payment."
    }
    "CPRO-CREDIT-PAYMENT" {
        "Un avoir ne devrait pas porter de moyen de paiement : Chorus Pro l'a déjà refusé."
        "Retirez le moyen de paiement de l'avoir."
        "A credit note should not carry a payment means: Chorus Pro has refused that."
        "Remove the payment means from the credit note."
    }
    "CPRO-PAYMENT-MEANS" {
        "Le moyen de paiement manque : Chorus Pro l'exige souvent (BT-81)."
        "Indiquez le moyen de paiement, par exemple 30 pour un virement."
        "The payment means is missing: Chorus Pro often demands it (BT-81)."
        "State the payment means, for example 30 for a credit transfer."
    }
    "G2B-NUMBER-LENGTH" {
        "Le numéro de facture a {length} caractères ; {limit} sont admis vers une entreprise (BT-1)."
        "Donnez à la facture un numéro de {limit} caractères au plus."
        "The invoice number has {length} characters; {limit} are allowed towards a firm (BT-1)."
        "Give the invoice a number of at most {limit} characters."
    }
    "G2B-SYNTAX" {
        "Vers une entreprise, Chorus Pro n'admet que l'UBL et Factur-X, pas le CII seul."
        "Émettez la facture en UBL ou en Factur-X."
        "Towards a firm, Chorus Pro allows only UBL and Factur-X, not CII alone."
        "Issue the invoice as UBL or Factur-X."
    }
}
