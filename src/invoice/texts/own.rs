//! The syntaxes' rules and our own (`FG-…`: reading, `CPRO-…`: Chorus Pro's limits, `FLUX-DIR-…`: what the
//! recipient demands, `G2B-…`: towards firms), in words.

use super::Words;

table! {
    "UBL-DT-01" {
        "Un montant a plus de deux décimales : {value}."
        "Arrondissez ce montant au centime ; seuls les prix unitaires peuvent être plus précis."
        "An amount has more than two decimals: {value}."
        "Round this amount to the cent; only unit prices may be more precise."
    }
    "UBL-SR-07" {
        "Une référence à une facture antérieure ne la nomme pas (BT-25)."
        "Écrivez le numéro de la facture d'origine, ou retirez la référence."
        "A reference to a preceding invoice does not name it (BT-25)."
        "Write the number of the original invoice, or remove the reference."
    }
    "UBL-SR-19" {
        "Le nom du bénéficiaire du paiement (PayeeParty, BT-59) est écrit plusieurs fois, ou c'est celui du vendeur."
        "N'écrivez qu'un nom, ou retirez le bénéficiaire (BG-10) si c'est le fournisseur."
        "The payee's name (PayeeParty, BT-59) is written several times, or is the seller's."
        "Write one name only, or remove the payee (BG-10) when it is the supplier."
    }
    "UBL-SR-20" {
        "L'identifiant du bénéficiaire du paiement (PayeeParty, BT-60) est écrit plusieurs fois, ou le bénéficiaire porte le nom du vendeur."
        "N'écrivez qu'un identifiant, ou retirez le bénéficiaire (BG-10) si c'est le fournisseur."
        "The payee's identifier (PayeeParty, BT-60) is written several times, or the payee has the seller's name."
        "Write one identifier only, or remove the payee (BG-10) when it is the supplier."
    }
    "UBL-SR-21" {
        "L'immatriculation légale du bénéficiaire du paiement (PayeeParty, BT-61) est écrite plusieurs fois, ou le bénéficiaire porte le nom du vendeur."
        "N'écrivez qu'une immatriculation, ou retirez le bénéficiaire (BG-10) si c'est le fournisseur."
        "The payee's legal registration (PayeeParty, BT-61) is written several times, or the payee has the seller's name."
        "Write one registration only, or remove the payee (BG-10) when it is the supplier."
    }
    "UBL-SR-42" {
        "Le vendeur a plus de deux numéros fiscaux (PartyTaxScheme, BT-31 et BT-32)."
        "Ne gardez que son numéro de TVA (BT-31) et, s'il y a lieu, un numéro pour une autre taxe (BT-32)."
        "The seller has more than two tax numbers (PartyTaxScheme, BT-31 and BT-32)."
        "Keep its VAT number (BT-31) only and, where there is one, a number for another tax (BT-32)."
    }
    "CII-DT-037" {
        "La taxe d'une ventilation, d'une ligne, d'une remise ou de frais (TypeCode) n'est pas la TVA."
        "Écrivez VAT comme taxe (TypeCode)."
        "The tax of a breakdown, a line, an allowance or a charge (TypeCode) is not VAT."
        "Write VAT as the tax (TypeCode)."
    }
    "CII-DT-097" {
        "Une date de format 102 (DateTimeString) n'est pas un jour écrit AAAAMMJJ."
        "Écrivez les huit chiffres de la date, par exemple 20261127."
        "A date of format 102 (DateTimeString) is no day written YYYYMMDD."
        "Write the date's eight digits, for example 20261127."
    }
    "UBL-SR-43" {
        "Un document joint porte un schéma d'identifiant sans être l'objet facturé (BT-18)."
        "Donnez-lui le type 130 s'il s'agit de l'objet facturé, sinon retirez le schéma."
        "A joined document carries an identifier scheme without being the invoiced object (BT-18)."
        "Give it type 130 if it is the invoiced object; else remove the scheme."
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
    "FG-MISSING" {
        "L'indicateur (ChargeIndicator) qui dit si c'est une remise ou des frais manque ici."
        "Ajoutez-le : false pour une remise, true pour des frais."
        "The indicator (ChargeIndicator) that says whether this is an allowance or a charge is missing here."
        "Add it: false for an allowance, true for a charge."
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
    "FG-NAME" {
        "Le nom du fichier finit en .{extension}, alors que c'est une facture {expected} : elle est lue comme telle."
        "Faites nommer ces fichiers en .{expected}."
        "The file's name ends in .{extension}, but it is a {expected} invoice: it is read as one."
        "Have these files named .{expected}."
    }
    "FG-PROFILE" {
        "La facture suit une spécification dont les règles propres ne sont pas contrôlées ici."
        "Si le destinataire ne l'attend pas, demandez à l'éditeur des factures selon urn:cen.eu:en16931:2017 (BT-24)."
        "The invoice follows a specification whose own rules are not checked here."
        "Unless the recipient expects it, ask the software's publisher for invoices by urn:cen.eu:en16931:2017 (BT-24)."
    }
    "FG-PDF" {
        "Le PDF et la facture qu'il contient ne s'accordent pas : {detail}."
        "Faites produire un Factur-X conforme (PDF/A-3, factur-x.xml associé, métadonnées XMP)."
        "The PDF and the invoice inside it disagree: {detail}."
        "Have a conforming Factur-X made (PDF/A-3, factur-x.xml associated, XMP metadata)."
    }
    "FG-UNCHECKED" {
        "Ce format (<{value}>) est transmis tel quel : Fluxgate n'en contrôle pas le contenu."
        "Rien à faire : c'est Chorus Pro qui juge le contenu, et son verdict est dans l'accusé. UBL, CII et Factur-X sont contrôlés avant l'envoi."
        "This format (<{value}>) is passed on as it is: Fluxgate does not check its content."
        "Nothing to do: Chorus Pro judges the content, and its verdict is in the receipt. UBL, CII and Factur-X are checked before they are sent."
    }
    "FG-WITHDRAWN" {
        "Le format PES est encore dans la liste de Chorus Pro, qui ne l'accepte plus depuis décembre 2021 (annexe EDI V4.21)."
        "Attendez-vous à un rejet : faites produire la facture en UBL, CII ou Factur-X."
        "The PES format is still in Chorus Pro's list, which has not taken it since December 2021 (EDI annex V4.21)."
        "Expect a rejection: have the invoice made as UBL, CII or Factur-X."
    }
    "CPRO-NUMBER" {
        "Aucun numéro de facture n'est trouvé dans le fichier."
        "Écrivez le numéro de chaque facture à sa place, puis déposez le fichier corrigé."
        "No invoice number is found in the file."
        "Write each invoice's number in its place, then drop the corrected file."
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
        "Le nom de la pièce jointe « {name} » contient un caractère que Chorus Pro refuse : « {value} »."
        "Renommez-la sans aucun de % $ ! & / \\ : ; « » # @ ni caractère de contrôle."
        "The name of attachment \"{name}\" holds a character that Chorus Pro refuses: \"{value}\"."
        "Rename it without any of % $ ! & / \\ : ; « » # @ nor control characters."
    }
    "CPRO-ATTACHMENT-EXTENSION" {
        "Chorus Pro ne prend pas cette sorte de pièce jointe : « {name} »."
        "Joignez un PDF, une image ou un document bureautique, avec son extension."
        "Chorus Pro does not take this kind of attachment: \"{name}\"."
        "Attach a PDF, an image or an office document, with its extension."
    }
    "CPRO-FILE-SIZE" {
        "Le fichier pèse {length} octets ; Chorus Pro en admet {limit} par fichier d'un flux, pièces jointes comprises."
        "Allégez les pièces jointes, ou envoyez-en une partie plus tard."
        "The file has {length} bytes; Chorus Pro allows {limit} for a file of a flux, attachments included."
        "Make the attachments lighter, or send some of them later."
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
    "FLUX-DIR-01" {
        "Le destinataire {siret} n'est pas dans l'annuaire de Chorus Pro du {date} (BT-46)."
        "Vérifiez le SIRET auprès du destinataire ; s'il vient d'être inscrit, Chorus Pro le connaît déjà et rien n'est à faire."
        "Recipient {siret} is not in Chorus Pro's directory of {date} (BT-46)."
        "Check the SIRET with the recipient; if it was registered lately, Chorus Pro knows it already and nothing is to be done."
    }
    "FLUX-DIR-02" {
        "Le destinataire {siret} ({name}) n'est plus actif dans Chorus Pro (annuaire du {date}, BT-46)."
        "Demandez au destinataire le SIRET de la structure qui reçoit ses factures à présent."
        "Recipient {siret} ({name}) is no longer active in Chorus Pro (directory of {date}, BT-46)."
        "Ask the recipient for the SIRET of the structure that receives its invoices now."
    }
    "FLUX-DIR-03" {
        "Le destinataire {siret} ({name}) exige un code service, et la facture n'en porte pas (annuaire du {date})."
        "Demandez le code service au destinataire et indiquez-le (BT-10)."
        "Recipient {siret} ({name}) demands a service code, and the invoice has none (directory of {date})."
        "Ask the recipient for the service code and state it (BT-10)."
    }
    "FLUX-DIR-04" {
        "Le code service « {service} » n'est pas connu chez le destinataire {siret} ({name}), d'après l'annuaire du {date} (BT-10)."
        "Vérifiez le code service auprès du destinataire : Chorus Pro peut rejeter la facture."
        "Service code \"{service}\" is not known at recipient {siret} ({name}), by the directory of {date} (BT-10)."
        "Check the service code with the recipient: Chorus Pro may reject the invoice."
    }
    "FLUX-DIR-05" {
        "Le service « {service} » du destinataire {siret} ({name}) n'est plus actif (annuaire du {date}, BT-10)."
        "Demandez au destinataire le code du service qui reçoit la facture à présent."
        "Service \"{service}\" of recipient {siret} ({name}) is no longer active (directory of {date}, BT-10)."
        "Ask the recipient for the code of the service that receives the invoice now."
    }
    "FLUX-DIR-06" {
        "Le destinataire {siret} ({name}) exige un numéro d'engagement, et la facture n'en porte pas (annuaire du {date})."
        "Demandez le numéro d'engagement ou de bon de commande au destinataire et indiquez-le (BT-13)."
        "Recipient {siret} ({name}) demands a commitment number, and the invoice has none (directory of {date})."
        "Ask the recipient for the commitment or order number and state it (BT-13)."
    }
    "FLUX-DIR-07" {
        "Le destinataire {siret} ({name}) exige un code service ou un numéro d'engagement, et la facture ne porte ni l'un ni l'autre (annuaire du {date})."
        "Demandez l'un des deux au destinataire et indiquez-le (code service : BT-10 ; engagement : BT-13)."
        "Recipient {siret} ({name}) demands a service code or a commitment number, and the invoice has neither (directory of {date})."
        "Ask the recipient for one of the two and state it (service code: BT-10; commitment: BT-13)."
    }
    "FLUX-DIR-08" {
        "Le numéro d'engagement « {commitment} » n'est pas connu de Chorus Pro chez le destinataire {siret} ({name}) (BT-13)."
        "Vérifiez le numéro auprès du destinataire : Chorus Pro peut rejeter la facture."
        "Commitment number \"{commitment}\" is not known to Chorus Pro at recipient {siret} ({name}) (BT-13)."
        "Check the number with the recipient: Chorus Pro may reject the invoice."
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
