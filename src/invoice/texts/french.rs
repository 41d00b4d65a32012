//! The French rules (BR-FR, AFNOR XP Z12-012) in our own words. Rows for a family end with `*`; an id's ending names the
//! business term.

use super::Words;

table! {
    "BR-FR-01_*" {
        "Le numéro « {value} » dépasse 35 caractères, ou contient autre chose que lettres, chiffres et + - _ /."
        "Donnez un numéro de 35 caractères au plus, sans espace ni accent, fait de lettres, de chiffres et de + - _ /."
        "The number \"{value}\" is over 35 characters, or holds something else than letters, digits and + - _ /."
        "Give a number of at most 35 characters, without spaces or accents, made of letters, digits and + - _ /."
    }
    "BR-FR-02_*" {
        "Le numéro « {value} » contient un caractère que la réforme n'admet pas."
        "N'utilisez que des lettres sans accent, des chiffres et + - _ /, sans espace."
        "The number \"{value}\" holds a character that the reform does not allow."
        "Use only letters without accents, digits and + - _ /, without spaces."
    }
    "BR-FR-03_*" {
        "La date « {value} » n'est pas un jour du calendrier entre 2000 et 2099."
        "Écrivez la date AAAA-MM-JJ en UBL, AAAAMMJJ en CII, entre les années 2000 et 2099."
        "The date \"{value}\" is no day of the calendar between 2000 and 2099."
        "Write the date YYYY-MM-DD in UBL, YYYYMMDD in CII, between the years 2000 and 2099."
    }
    "BR-FR-04_*" {
        "Le type de document « {value} » (BT-3) n'est pas de ceux que la réforme admet."
        "Indiquez 380 pour une facture, 381 pour un avoir, 384 pour une rectificative, 386 pour un acompte, ou l'un des autres types prévus (389, 393, 396, 261, 262, 471 à 473, 500 à 503)."
        "The document type \"{value}\" (BT-3) is not one that the reform allows."
        "State 380 for an invoice, 381 for a credit note, 384 for a corrective one, 386 for a prepayment, or another allowed type (389, 393, 396, 261, 262, 471 to 473, 500 to 503)."
    }
    "BR-FR-08_BT-23" {
        "Le cadre de facturation (BT-23) manque, ou n'est pas un cadre de la réforme."
        "Indiquez la nature et le cas : B1 (biens), S1 (services), M1 (mixte), ou un autre cadre de la liste (B2, S2, M2, S3, B4, S4, M4, S5, S6, B7, S7, B8, S8, M8, B9, S9, M9)."
        "The billing framework (BT-23) is missing, or is none of the reform's."
        "State nature and case: B1 (goods), S1 (services), M1 (mixed), or another framework of the list (B2, S2, M2, S3, B4, S4, M4, S5, S6, B7, S7, B8, S8, M8, B9, S9, M9)."
    }
    "BR-FR-08_BT-151-2" {
        "La catégorie de TVA d'une ligne (BT-151) est L ou M, qui ne valent pas en France."
        "Remplacez L (Canaries) ou M (Ceuta et Melilla) par la catégorie française : S, E, AE, K, G, O ou Z."
        "A line's VAT category (BT-151) is L or M, which do not hold in France."
        "Replace L (Canary Islands) or M (Ceuta and Melilla) by the French category: S, E, AE, K, G, O or Z."
    }
    "BR-FR-09_*" {
        "Le SIRET (identifiant 0009) n'a pas 14 chiffres, ou ne commence pas par le SIREN (identifiant 0002) de la même partie."
        "Corrigez l'un ou l'autre : les 9 premiers chiffres du SIRET sont le SIREN de l'entreprise ou de l'organisme."
        "The SIRET (identifier 0009) has not 14 digits, or does not begin with the SIREN (identifier 0002) of the same party."
        "Correct one or the other: the first 9 digits of a SIRET are the SIREN of the firm or body."
    }
    "BR-FR-10_*" {
        "Le SIREN du vendeur (BT-30, schéma 0002) manque ou n'a pas 9 chiffres."
        "Indiquez le SIREN du vendeur dans son immatriculation légale, avec le schéma 0002."
        "The seller's SIREN (BT-30, scheme 0002) is missing or has not 9 digits."
        "State the seller's SIREN as its legal registration, with scheme 0002."
    }
    "BR-FR-11_*" {
        "La facture se dit entre entreprises (#BAR#B2B) et le SIREN de l'acheteur (BT-47, schéma 0002) manque ou n'a pas 9 chiffres."
        "Indiquez le SIREN de l'acheteur avec le schéma 0002, ou corrigez la note BAR."
        "The invoice says it is between firms (#BAR#B2B) and the buyer's SIREN (BT-47, scheme 0002) is missing or has not 9 digits."
        "State the buyer's SIREN with scheme 0002, or correct the note BAR."
    }
    "BR-FR-12_*" {
        "L'adresse électronique de l'acheteur (BT-49) manque."
        "Indiquez l'adresse de l'acheteur telle que l'annuaire la donne (schéma 0225, qui commence par son SIREN)."
        "The buyer's electronic address (BT-49) is missing."
        "State the buyer's address as the directory gives it (scheme 0225, beginning with its SIREN)."
    }
    "BR-FR-13_*" {
        "L'adresse électronique du vendeur (BT-34) manque."
        "Indiquez l'adresse du vendeur telle que l'annuaire la donne (schéma 0225, qui commence par son SIREN)."
        "The seller's electronic address (BT-34) is missing."
        "State the seller's address as the directory gives it (scheme 0225, beginning with its SIREN)."
    }
    "BR-FR-15_*" {
        "La catégorie de TVA manque ou n'est pas française."
        "Indiquez S, E, AE, K, G, O ou Z ; L et M ne valent pas en France."
        "The VAT category is missing or not French."
        "State S, E, AE, K, G, O or Z; L and M do not hold in France."
    }
    "BR-FR-16_*" {
        "Le taux de TVA n'est pas un taux français, tel que la réforme l'écrit."
        "Indiquez 20, 10, 5.5, 2.1, 0, ou un taux d'outre-mer ou ancien de la liste, avec un point et au plus deux décimales."
        "The VAT rate is no French rate as the reform writes it."
        "State 20, 10, 5.5, 2.1, 0, or an overseas or former rate of the list, with a point and at most two decimals."
    }
    "BR-FR-17_*" {
        "Le type de la pièce jointe (BT-123) n'est pas de la liste."
        "Indiquez RIB, LISIBLE, FEUILLE_DE_STYLE, PJA, BORDEREAU_SUIVI, DOCUMENT_ANNEXE, BON_LIVRAISON, BON_COMMANDE, BORDEREAU_SUIVI_VALIDATION, ETAT_ACOMPTE, FACTURE_PAIEMENT_DIRECT ou RECAPITULATIF_COTRAITANCE."
        "The attachment's kind (BT-123) is not of the list."
        "State RIB, LISIBLE, FEUILLE_DE_STYLE, PJA, BORDEREAU_SUIVI, DOCUMENT_ANNEXE, BON_LIVRAISON, BON_COMMANDE, BORDEREAU_SUIVI_VALIDATION, ETAT_ACOMPTE, FACTURE_PAIEMENT_DIRECT or RECAPITULATIF_COTRAITANCE."
    }
    "BR-FR-18_*" {
        "Plus d'une pièce jointe est dite LISIBLE (BT-123)."
        "Ne laissez ce type qu'à la version lisible de la facture."
        "More than one attachment is called LISIBLE (BT-123)."
        "Leave this kind to the readable version of the invoice only."
    }
    "BR-FR-20_*" {
        "Le traitement demandé par la note BAR n'est pas de la liste."
        "Écrivez B2B, B2BINT, B2C, OUTOFSCOPE ou ARCHIVEONLY, ou retirez cette note."
        "What the note BAR asks for is not of the list."
        "Write B2B, B2BINT, B2C, OUTOFSCOPE or ARCHIVEONLY, or take this note away."
    }
    "BR-FR-21_*" {
        "Entre entreprises, l'adresse électronique de l'acheteur (BT-49) doit commencer par son SIREN, avec le schéma 0225."
        "Prenez l'adresse de l'acheteur dans l'annuaire."
        "Between firms the buyer's electronic address (BT-49) must begin with its SIREN, with scheme 0225."
        "Take the buyer's address from the directory."
    }
    "BR-FR-22_*" {
        "Pour une facture établie par l'acheteur, l'adresse électronique du vendeur (BT-34) doit commencer par son SIREN, avec le schéma 0225."
        "Prenez l'adresse du vendeur dans l'annuaire."
        "For an invoice made by the buyer the seller's electronic address (BT-34) must begin with its SIREN, with scheme 0225."
        "Take the seller's address from the directory."
    }
    "BR-FR-23_*" {
        "L'adresse électronique « {value} » contient autre chose que lettres, chiffres et + - _ ."
        "Corrigez-la d'après l'annuaire, sans espace ni barre oblique."
        "The electronic address \"{value}\" holds something else than letters, digits and + - _ ."
        "Correct it after the directory, without spaces or slashes."
    }
    "BR-FR-24_*" {
        "Le code de routage « {value} » (schéma 0224) contient autre chose que lettres, chiffres et + - _ ."
        "Corrigez-le d'après l'annuaire."
        "The routing code \"{value}\" (scheme 0224) holds something else than letters, digits and + - _ ."
        "Correct it after the directory."
    }
    "BR-FR-25_*" {
        "L'adresse électronique dépasse 125 caractères."
        "Prenez l'adresse telle que l'annuaire la donne."
        "The electronic address is over 125 characters."
        "Take the address as the directory gives it."
    }
    "BR-FR-26_*" {
        "Le code de routage (schéma 0224) dépasse 100 caractères."
        "Prenez le code tel que l'annuaire le donne."
        "The routing code (scheme 0224) is over 100 characters."
        "Take the code as the directory gives it."
    }
    "BR-FR-27_*" {
        "Une caractéristique d'article (BG-32) n'a pas de nom ni de code."
        "Donnez un nom (BT-160) ou un code à chaque caractéristique, ou retirez-la."
        "An item attribute (BG-32) has neither name nor code."
        "Give each attribute a name (BT-160) or a code, or take it away."
    }
    "BR-FR-28-Value" {
        "Une caractéristique d'article (BG-32) doit avoir ou bien une valeur, ou bien une mesure avec son unité."
        "Laissez l'une des deux, et donnez son unité à la mesure."
        "An item attribute (BG-32) must have either a value or a measure with its unit."
        "Leave one of the two, and give the measure its unit."
    }
    "BR-FR-29_*" {
        "L'objet facturé (BT-18) a un identifiant vide ou plus d'un de même schéma (AFL, AVV)."
        "Ne laissez qu'un identifiant AFL et un AVV, remplis."
        "The invoiced object (BT-18) has an empty identifier or more than one of a scheme (AFL, AVV)."
        "Leave only one identifier AFL and one AVV, both filled."
    }
    "BR-FR-30_BT-21" {
        "Plus d'un traitement est demandé par les notes BAR (BT-21)."
        "Ne laissez qu'une note BAR."
        "More than one treatment is asked for by the notes BAR (BT-21)."
        "Leave only one note BAR."
    }
    "BR-FR-30_*" {
        "L'objet d'une ligne (BT-128) a un identifiant vide ou plus d'un de même schéma (AFL, AVV)."
        "Ne laissez qu'un identifiant AFL et un AVV par ligne, remplis."
        "A line's object (BT-128) has an empty identifier or more than one of a scheme (AFL, AVV)."
        "Leave only one identifier AFL and one AVV per line, both filled."
    }
    "BR-FR-31_*" {
        "Plus d'un traitement est demandé par les notes BAR (BT-21)."
        "Ne laissez qu'une note BAR, avec un seul traitement."
        "More than one treatment is asked for by the notes BAR (BT-21)."
        "Leave only one note BAR, with one treatment."
    }
    "BR-FR-32-*" {
        "L'identifiant « {value} » se dit SIREN (schéma 0002 ou 0231) et n'a pas 9 chiffres."
        "Écrivez les 9 chiffres du SIREN, sans espace, ou corrigez le schéma."
        "The identifier \"{value}\" says it is a SIREN (scheme 0002 or 0231) and has not 9 digits."
        "Write the SIREN's 9 digits without spaces, or correct the scheme."
    }
    "BR-FR-CO-03_*" {
        "Un avoir de remise globale (262) doit citer le contrat (BT-12) et la période (BT-73, BT-74)."
        "Ajoutez la référence du contrat et les dates de début et de fin."
        "A credit note of a global discount (262) must name the contract (BT-12) and the period (BT-73, BT-74)."
        "Add the contract's reference and the dates of beginning and end."
    }
    "BR-FR-CO-04_*" {
        "Une facture rectificative (384, 471, 472, 473) doit citer une facture et une seule (BG-3)."
        "Ajoutez le numéro de la facture rectifiée (BT-25), ou n'en laissez qu'un."
        "A corrective invoice (384, 471, 472, 473) must name one invoice and one only (BG-3)."
        "Add the number of the corrected invoice (BT-25), or leave only one."
    }
    "BR-FR-CO-05_*" {
        "Un avoir doit citer la facture qu'il annule (BT-25) avec sa date (BT-26), en tête ou à chaque ligne."
        "Ajoutez le numéro et la date de la facture d'origine."
        "A credit note must name the invoice it cancels (BT-25) with its date (BT-26), at its head or on each line."
        "Add the number and date of the original invoice."
    }
    "BR-FR-CO-07_*" {
        "La date d'échéance (BT-9) est antérieure à la date de facture (BT-2)."
        "Corrigez l'une des deux ; seuls un acompte ou une facture déjà payée (cadres 2) peuvent échoir avant."
        "The due date (BT-9) is before the issue date (BT-2)."
        "Correct one of the two; only a prepayment or an invoice already paid (frameworks 2) may be due before."
    }
    "BR-FR-CO-08_*" {
        "Une facture définitive après acompte (cadres B4, S4, M4) ne peut pas être elle-même un acompte (386, 500, 503)."
        "Corrigez le cadre (BT-23) ou le type (BT-3)."
        "A final invoice after a prepayment (frameworks B4, S4, M4) cannot be a prepayment itself (386, 500, 503)."
        "Correct the framework (BT-23) or the type (BT-3)."
    }
    "BR-FR-CO-09_*" {
        "Une facture déjà payée (cadres B2, S2, M2) doit dire que tout est payé : acompte (BT-113) égal au total (BT-112), reste (BT-115) nul, date de paiement (BT-9)."
        "Corrigez ces montants et la date, ou le cadre (BT-23)."
        "An invoice already paid (frameworks B2, S2, M2) must say that all is paid: paid amount (BT-113) equal to the total (BT-112), amount due (BT-115) zero, date of payment (BT-9)."
        "Correct these amounts and the date, or the framework (BT-23)."
    }
    "BR-FR-CO-10_*" {
        "Un identifiant d'une partie n'a pas de schéma, ou deux ont le même."
        "Donnez à chaque identifiant son schéma (0009 SIRET, 0002 SIREN, 0224 routage...), une fois chacun."
        "An identifier of a party has no scheme, or two have the same."
        "Give each identifier its scheme (0009 SIRET, 0002 SIREN, 0224 routing...), each once."
    }
    "BR-FR-CO-12_*" {
        "La facture n'est pas en euros et la TVA n'y est pas donnée en euros (BT-6, BT-111)."
        "Indiquez EUR comme devise de comptabilisation et le total de TVA en euros."
        "The invoice is not in euro and VAT is not given in euro (BT-6, BT-111)."
        "State EUR as accounting currency, and the VAT total in euro."
    }
    "BR-FR-CO-14_*" {
        "Le vendeur est membre d'un assujetti unique (identifiant 0231) et la note TXD « MEMBRE_ASSUJETTI_UNIQUE » manque."
        "Ajoutez cette note, ou retirez l'identifiant 0231."
        "The seller is a member of a VAT group (identifier 0231) and the note TXD \"MEMBRE_ASSUJETTI_UNIQUE\" is missing."
        "Add this note, or take the identifier 0231 away."
    }
    "BR-FR-CO-15_*" {
        "Le vendeur est membre d'un assujetti unique (identifiant 0231) et le numéro de TVA de celui-ci (BT-63) manque."
        "Indiquez l'assujetti unique comme représentant fiscal (BG-11), avec son numéro de TVA."
        "The seller is a member of a VAT group (identifier 0231) and the group's VAT number (BT-63) is missing."
        "State the group as tax representative (BG-11), with its VAT number."
    }
    "BR-FR-DEC-01_*" {
        "Le montant « {value} » doit être un nombre de 19 chiffres au plus, dont deux décimales au plus, avec un point."
        "Écrivez le montant comme 1234.56, sans espace ni virgule."
        "The amount \"{value}\" must be a number of at most 19 digits, two of them decimals at most, with a point."
        "Write the amount like 1234.56, without spaces or comma."
    }
    "BR-FR-DEC-02_*" {
        "La quantité doit être un nombre de 19 chiffres au plus, dont quatre décimales au plus, avec un point."
        "Écrivez la quantité comme 1.5, sans espace ni virgule."
        "The quantity must be a number of at most 19 digits, four of them decimals at most, with a point."
        "Write the quantity like 1.5, without spaces or comma."
    }
    "BR-FR-DEC-03_*" {
        "Le prix doit être un nombre positif de 19 chiffres au plus, dont six décimales au plus, avec un point."
        "Écrivez le prix comme 12.345678 ; une remise va dans les réductions, pas dans un prix négatif."
        "The price must be a positive number of at most 19 digits, six of them decimals at most, with a point."
        "Write the price like 12.345678; a discount goes with the allowances, not into a negative price."
    }
    "BR-FR-DEC-04_*" {
        "Le taux « {value} » doit être un nombre de quatre chiffres au plus, dont deux décimales au plus, avec un point."
        "Écrivez le taux comme 20.00 ou 5.5, sans signe %."
        "The rate \"{value}\" must be a number of at most four digits, two of them decimals at most, with a point."
        "Write the rate like 20.00 or 5.5, without a % sign."
    }
    "BR-FR-MV-*" {
        "La facture réunit plusieurs vendeurs (cadres 8), ou les deux sens (cadres 9), et ses lignes ne forment pas les groupes que ce cadre demande."
        "Donnez à chaque groupe de lignes sa tête (GROUP), son vendeur, son numéro de facture (AFL), son cadre (AVV), ses montants et la ligne dont il dépend ; ou corrigez le cadre (BT-23)."
        "The invoice brings together several sellers (frameworks 8), or both directions (frameworks 9), and its lines do not form the groups this framework demands."
        "Give each group of lines its head (GROUP), its seller, its invoice number (AFL), its framework (AVV), its amounts and the line it belongs to; or correct the framework (BT-23)."
    }
    "BR-FR-BD-*" {
        "La facture va dans les deux sens (cadres 9) et n'a pas les deux groupes de lignes, un par partie, que ce cadre demande."
        "Faites un groupe (GROUP) du vendeur et un de l'acheteur, du type et avec les références prévus ; ou corrigez le cadre (BT-23)."
        "The invoice goes both ways (frameworks 9) and has not the two groups of lines, one for each party, that this framework demands."
        "Make one group (GROUP) of the seller and one of the buyer, of the type and with the references demanded; or correct the framework (BT-23)."
    }
}
