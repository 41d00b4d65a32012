//! The rules on code lists (`BR-CL-…`): which code it is, and one that is right.

use super::Words;

table! {
    "BR-CL-01" {
        "Le type de document n'est pas dans la liste admise (BT-3)."
        "Utilisez 380 pour une facture ou 381 pour un avoir (liste UNTDID 1001)."
        "The document type is not in the list (BT-3)."
        "Use 380 for an invoice or 381 for a credit note (list UNTDID 1001)."
    }
    "BR-CL-03" {
        "La devise d'un montant (attribut currencyID) manque ou n'est pas dans la liste admise."
        "Écrivez sur chaque montant le code ISO 4217 de sa devise, par exemple EUR."
        "An amount's currency (attribute currencyID) is missing or not in the list."
        "Write the ISO 4217 code of its currency on each amount, for example EUR."
    }
    "BR-CL-04" {
        "La devise de la facture n'est pas dans la liste admise (BT-5)."
        "Utilisez un code ISO 4217, par exemple EUR."
        "The invoice's currency is not in the list (BT-5)."
        "Use an ISO 4217 code, for example EUR."
    }
    "BR-CL-05" {
        "La devise de comptabilisation de la TVA n'est pas dans la liste admise (BT-6)."
        "Utilisez un code ISO 4217, par exemple EUR."
        "The currency that VAT is accounted in is not in the list (BT-6)."
        "Use an ISO 4217 code, for example EUR."
    }
    "BR-CL-06" {
        "Le code de la date d'exigibilité de la TVA n'est pas dans la liste admise (BT-8)."
        "Utilisez en UBL 3 (date de facture), 35 (livraison) ou 432 (paiement), en CII 5, 29 ou 72."
        "The VAT point date code is not in the list (BT-8)."
        "Use in UBL 3 (invoice date), 35 (delivery) or 432 (payment), in CII 5, 29 or 72."
    }
    "BR-CL-07" {
        "Le schéma de l'identifiant d'un objet facturé n'est pas dans la liste admise (BT-18, BT-128)."
        "Utilisez un code de la liste UNTDID 1153, par exemple ABT, ou retirez le schéma."
        "The scheme of an invoiced object's identifier is not in the list (BT-18, BT-128)."
        "Use a code of list UNTDID 1153, for example ABT, or remove the scheme."
    }
    "BR-CL-08" {
        "Le code sujet d'une note n'est pas dans la liste admise (BT-21)."
        "Utilisez un code de la liste UNTDID 4451, par exemple AAI (information) ou PMT (frais de recouvrement)."
        "A note's subject code is not in the list (BT-21)."
        "Use a code of list UNTDID 4451, for example AAI (information) or PMT (recovery costs)."
    }
    "BR-CL-10" {
        "Le schéma de l'identifiant d'une partie (attribut schemeID) n'est pas dans la liste admise (BT-29, BT-46, BT-60)."
        "Utilisez un code de la liste ISO 6523, par exemple 0009 pour un SIRET ou 0002 pour un SIREN."
        "The scheme of a party's identifier (attribute schemeID) is not in the list (BT-29, BT-46, BT-60)."
        "Use a code of the ISO 6523 list, for example 0009 for a SIRET or 0002 for a SIREN."
    }
    "BR-CL-11" {
        "Le schéma d'une immatriculation légale (attribut schemeID) n'est pas dans la liste admise (BT-30, BT-47, BT-61)."
        "Utilisez un code de la liste ISO 6523, par exemple 0002 pour un SIREN."
        "The scheme of a legal registration (attribute schemeID) is not in the list (BT-30, BT-47, BT-61)."
        "Use a code of the ISO 6523 list, for example 0002 for a SIREN."
    }
    "BR-CL-13" {
        "La nomenclature d'un code de classement d'article (attribut listID) n'est pas dans la liste admise (BT-158)."
        "Utilisez un code de la liste UNTDID 7143, par exemple STI pour un code CPV."
        "The scheme of an item's classification code (attribute listID) is not in the list (BT-158)."
        "Use a code of list UNTDID 7143, for example STI for a CPV code."
    }
    "BR-CL-14" {
        "Le code d'un pays n'est pas dans la liste admise (BT-40, BT-55, BT-69, BT-80)."
        "Utilisez un code ISO 3166-1 à deux lettres, par exemple FR."
        "A country code is not in the list (BT-40, BT-55, BT-69, BT-80)."
        "Use an ISO 3166-1 code of two letters, for example FR."
    }
    "BR-CL-15" {
        "Le code du pays d'origine d'un article n'est pas dans la liste admise (BT-159)."
        "Utilisez un code ISO 3166-1 à deux lettres, par exemple FR."
        "The code of an item's country of origin is not in the list (BT-159)."
        "Use an ISO 3166-1 code of two letters, for example FR."
    }
    "BR-CL-16" {
        "Le code du moyen de paiement n'est pas dans la liste admise (BT-81)."
        "Utilisez un code de la liste UNTDID 4461 : 30 pour un virement, 58 pour un virement SEPA."
        "The payment means code is not in the list (BT-81)."
        "Use a code of list UNTDID 4461: 30 for a credit transfer, 58 for a SEPA one."
    }
    "BR-CL-17" {
        "La catégorie de TVA d'une remise, de frais ou de la ventilation n'est pas dans la liste admise (BT-95, BT-102, BT-118)."
        "Utilisez un code de la liste UNTDID 5305 : S (taux normal), E (exonéré), AE (autoliquidation), Z, K, G, O, L ou M."
        "The VAT category of an allowance, a charge or the breakdown is not in the list (BT-95, BT-102, BT-118)."
        "Use a code of list UNTDID 5305: S (standard), E (exempt), AE (reverse charge), Z, K, G, O, L or M."
    }
    "BR-CL-18" {
        "Une catégorie de TVA n'est pas dans la liste admise : d'une ligne (BT-151), ou en CII de la ventilation (BT-118)."
        "Utilisez un code de la liste UNTDID 5305 : S (taux normal), E (exonéré), AE (autoliquidation), Z, K, G, O, L ou M."
        "A VAT category is not in the list: of a line (BT-151), or in CII of the breakdown (BT-118)."
        "Use a code of list UNTDID 5305: S (standard), E (exempt), AE (reverse charge), Z, K, G, O, L or M."
    }
    "BR-CL-19" {
        "Le code du motif d'une remise n'est pas dans la liste admise (BT-98, BT-140)."
        "Utilisez un code de la liste UNTDID 5189, par exemple 95 (rabais), ou écrivez le motif en clair."
        "The reason code of an allowance is not in the list (BT-98, BT-140)."
        "Use a code of list UNTDID 5189, for example 95 (discount), or write the reason as text."
    }
    "BR-CL-20" {
        "Le code du motif de frais n'est pas dans la liste admise (BT-105, BT-145)."
        "Utilisez un code de la liste UNTDID 7161, par exemple FC (transport), ou écrivez le motif en clair."
        "The reason code of a charge is not in the list (BT-105, BT-145)."
        "Use a code of list UNTDID 7161, for example FC (freight), or write the reason as text."
    }
    "BR-CL-21" {
        "Le schéma de l'identifiant normalisé d'un article (attribut schemeID) n'est pas dans la liste admise (BT-157)."
        "Utilisez un code de la liste ISO 6523, par exemple 0160 pour un code GTIN."
        "The scheme of an item's standard identifier (attribute schemeID) is not in the list (BT-157)."
        "Use a code of the ISO 6523 list, for example 0160 for a GTIN."
    }
    "BR-CL-22" {
        "Le code du motif d'exonération de TVA n'est pas dans la liste admise (BT-121)."
        "Utilisez un code VATEX, par exemple VATEX-EU-AE (autoliquidation), ou écrivez le motif en clair (BT-120)."
        "The code of a VAT exemption reason is not in the list (BT-121)."
        "Use a VATEX code, for example VATEX-EU-AE (reverse charge), or write the reason as text (BT-120)."
    }
    "BR-CL-23" {
        "Une unité de mesure (attribut unitCode) n'est pas dans la liste admise (BT-130, BT-150)."
        "Utilisez un code d'unité UN/ECE, par exemple C62 (pièce), HUR (heure), KGM (kilogramme)."
        "A unit of measure (attribute unitCode) is not in the list (BT-130, BT-150)."
        "Use a UN/ECE unit code, for example C62 (piece), HUR (hour), KGM (kilogram)."
    }
    "BR-CL-24" {
        "Le format d'un document joint (attribut mimeCode) n'est pas dans la liste admise (BT-125)."
        "Joignez un PDF (application/pdf), une image PNG ou JPEG, un CSV ou un classeur XLSX ou ODS, et écrivez son format."
        "The format of an attached document (attribute mimeCode) is not in the list (BT-125)."
        "Attach a PDF (application/pdf), a PNG or JPEG image, a CSV or an XLSX or ODS workbook, and write its format."
    }
    "BR-CL-25" {
        "Le schéma d'une adresse électronique (attribut schemeID) n'est pas dans la liste admise (BT-34, BT-49)."
        "Utilisez un code de la liste EAS, par exemple 0009 pour un SIRET ou 0225 pour une adresse de l'annuaire français."
        "The scheme of an electronic address (attribute schemeID) is not in the list (BT-34, BT-49)."
        "Use a code of the EAS list, for example 0009 for a SIRET or 0225 for an address of the French directory."
    }
    "BR-CL-26" {
        "Le schéma de l'identifiant d'un lieu de livraison (attribut schemeID) n'est pas dans la liste admise (BT-71)."
        "Utilisez un code de la liste ISO 6523, par exemple 0009 pour un SIRET."
        "The scheme of a delivery location's identifier (attribute schemeID) is not in the list (BT-71)."
        "Use a code of the ISO 6523 list, for example 0009 for a SIRET."
    }
}
