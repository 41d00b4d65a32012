//! The standard's business rules (EN 16931-1 §6.4) in our own words, VAT categories apart, which are in
//! [`super::vat`], and code lists, which are in [`super::codes`].

use super::Words;

table! {
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
    "BR-12" {
        "Le total des lignes manque (BT-106)."
        "Ajoutez le total hors taxes des lignes."
        "The total of lines is missing (BT-106)."
        "Add the total of the lines without VAT."
    }
    "BR-13" {
        "Le total hors taxes manque (BT-109)."
        "Ajoutez le total hors taxes de la facture."
        "The total without VAT is missing (BT-109)."
        "Add the invoice's total without VAT."
    }
    "BR-14" {
        "Le total TTC manque (BT-112)."
        "Ajoutez le total toutes taxes comprises."
        "The total with VAT is missing (BT-112)."
        "Add the total with VAT."
    }
    "BR-15" {
        "Le net à payer manque (BT-115)."
        "Ajoutez le montant restant à payer."
        "The amount due is missing (BT-115)."
        "Add the amount that remains to be paid."
    }
    "BR-16" {
        "La facture n'a aucune ligne (BG-25)."
        "Ajoutez au moins une ligne de facture."
        "The invoice has no line (BG-25)."
        "Add at least one invoice line."
    }
    "BR-17" {
        "Le nom du bénéficiaire du paiement manque (BT-59)."
        "Indiquez à qui la facture est payée, ou retirez le bénéficiaire (BG-10) si c'est le fournisseur."
        "The payee's name is missing (BT-59)."
        "State who is paid, or remove the payee (BG-10) when it is the supplier."
    }
    "BR-18" {
        "Le nom du représentant fiscal manque (BT-62)."
        "Indiquez le nom du représentant fiscal du fournisseur, ou retirez-le (BG-11) s'il n'y en a pas."
        "The tax representative's name is missing (BT-62)."
        "State the name of the supplier's tax representative, or remove it (BG-11) when there is none."
    }
    "BR-19" {
        "L'adresse du représentant fiscal manque (BG-12)."
        "Ajoutez l'adresse postale du représentant fiscal, avec son code pays."
        "The tax representative's address is missing (BG-12)."
        "Add the tax representative's postal address, with its country code."
    }
    "BR-20" {
        "Le code pays du représentant fiscal manque (BT-69)."
        "Indiquez le code pays à deux lettres du représentant fiscal, par exemple FR."
        "The tax representative's country code is missing (BT-69)."
        "State the two-letter country code of the tax representative, for example FR."
    }
    "BR-21" {
        "Une ligne n'a pas d'identifiant (BT-126)."
        "Numérotez chaque ligne de la facture."
        "A line has no identifier (BT-126)."
        "Number each line of the invoice."
    }
    "BR-22" {
        "La quantité facturée d'une ligne manque (BT-129)."
        "Indiquez la quantité de cette ligne."
        "A line's invoiced quantity is missing (BT-129)."
        "State this line's quantity."
    }
    "BR-23" {
        "L'unité de mesure d'une ligne manque (BT-130)."
        "Indiquez le code d'unité de la quantité, par exemple C62 (pièce) ou HUR (heure)."
        "A line's unit of measure is missing (BT-130)."
        "State the unit code of the quantity, for example C62 (piece) or HUR (hour)."
    }
    "BR-24" {
        "Le montant net d'une ligne manque (BT-131)."
        "Indiquez le montant hors taxes de cette ligne."
        "A line's net amount is missing (BT-131)."
        "State this line's amount without VAT."
    }
    "BR-25" {
        "Une ligne ne nomme pas son article (BT-153)."
        "Indiquez le nom de ce qui est facturé sur cette ligne."
        "A line does not name its item (BT-153)."
        "State the name of what this line invoices."
    }
    "BR-26" {
        "Le prix unitaire net d'une ligne manque (BT-146)."
        "Indiquez le prix unitaire hors taxes de cette ligne."
        "A line's net unit price is missing (BT-146)."
        "State this line's unit price without VAT."
    }
    "BR-27" {
        "Le prix unitaire net d'une ligne est négatif (BT-146)."
        "Écrivez un prix positif ; pour une reprise, mettez le signe moins à la quantité (BT-129)."
        "A line's net unit price is negative (BT-146)."
        "Write a positive price; to take something back, put the minus sign on the quantity (BT-129)."
    }
    "BR-28" {
        "Le prix unitaire brut d'une ligne est négatif (BT-148)."
        "Écrivez un prix positif ; pour une reprise, mettez le signe moins à la quantité (BT-129)."
        "A line's gross unit price is negative (BT-148)."
        "Write a positive price; to take something back, put the minus sign on the quantity (BT-129)."
    }
    "BR-29" {
        "La fin de la période de facturation (BT-74) précède son début (BT-73), ou l'une des deux dates ne se lit pas."
        "Corrigez les dates de la période de facturation."
        "The invoicing period ends (BT-74) before it begins (BT-73), or one of the two dates cannot be read."
        "Correct the dates of the invoicing period."
    }
    "BR-30" {
        "La fin de la période d'une ligne (BT-135) précède son début (BT-134), ou l'une des deux dates ne se lit pas."
        "Corrigez les dates de la période de cette ligne."
        "A line's period ends (BT-135) before it begins (BT-134), or one of the two dates cannot be read."
        "Correct the dates of this line's period."
    }
    "BR-31" {
        "Le montant d'une remise de pied de facture manque (BT-92)."
        "Indiquez le montant de cette remise, ou retirez-la."
        "The amount of a document allowance is missing (BT-92)."
        "State the amount of this allowance, or remove it."
    }
    "BR-32" {
        "La catégorie de TVA d'une remise de pied de facture manque, ou n'est pas celle de la TVA (BT-95)."
        "Indiquez la catégorie de TVA de cette remise, avec VAT pour taxe."
        "The VAT category of a document allowance is missing, or is of another tax than VAT (BT-95)."
        "State the VAT category of this allowance, with VAT as its tax."
    }
    "BR-33" {
        "Le motif d'une remise de pied de facture manque (BT-97 ou BT-98)."
        "Écrivez le motif de cette remise, en clair ou par son code."
        "The reason of a document allowance is missing (BT-97 or BT-98)."
        "Write the reason of this allowance, as text or as a code."
    }
    "BR-36" {
        "Le montant de frais de pied de facture manque (BT-99)."
        "Indiquez le montant de ces frais, ou retirez-les."
        "The amount of a document charge is missing (BT-99)."
        "State the amount of this charge, or remove it."
    }
    "BR-37" {
        "La catégorie de TVA de frais de pied de facture manque, ou n'est pas celle de la TVA (BT-102)."
        "Indiquez la catégorie de TVA de ces frais, avec VAT pour taxe."
        "The VAT category of a document charge is missing, or is of another tax than VAT (BT-102)."
        "State the VAT category of this charge, with VAT as its tax."
    }
    "BR-38" {
        "Le motif de frais de pied de facture manque (BT-104 ou BT-105)."
        "Écrivez le motif de ces frais, en clair ou par son code."
        "The reason of a document charge is missing (BT-104 or BT-105)."
        "Write the reason of this charge, as text or as a code."
    }
    "BR-41" {
        "Le montant d'une remise de ligne manque (BT-136)."
        "Indiquez le montant de cette remise, ou retirez-la."
        "The amount of a line's allowance is missing (BT-136)."
        "State the amount of this allowance, or remove it."
    }
    "BR-42" {
        "Le motif d'une remise de ligne manque (BT-139 ou BT-140)."
        "Écrivez le motif de cette remise, en clair ou par son code."
        "The reason of a line's allowance is missing (BT-139 or BT-140)."
        "Write the reason of this allowance, as text or as a code."
    }
    "BR-43" {
        "Le montant de frais de ligne manque (BT-141)."
        "Indiquez le montant de ces frais, ou retirez-les."
        "The amount of a line's charge is missing (BT-141)."
        "State the amount of this charge, or remove it."
    }
    "BR-44" {
        "Le motif de frais de ligne manque (BT-144 ou BT-145)."
        "Écrivez le motif de ces frais, en clair ou par son code."
        "The reason of a line's charge is missing (BT-144 or BT-145)."
        "Write the reason of this charge, as text or as a code."
    }
    "BR-45" {
        "La base d'une ventilation de TVA manque (BT-116)."
        "Indiquez le montant hors taxes soumis à ce taux."
        "The base of a VAT breakdown is missing (BT-116)."
        "State the amount without VAT that this rate applies to."
    }
    "BR-46" {
        "Le montant d'une ventilation de TVA manque (BT-117)."
        "Indiquez le montant de TVA de ce taux."
        "The amount of a VAT breakdown is missing (BT-117)."
        "State this rate's VAT amount."
    }
    "BR-47" {
        "La catégorie d'une ventilation de TVA manque (BT-118)."
        "Indiquez la catégorie de TVA, par exemple S pour le taux normal."
        "The category of a VAT breakdown is missing (BT-118)."
        "State the VAT category, for example S for the standard rate."
    }
    "BR-48" {
        "Le taux d'une ventilation de TVA manque (BT-119)."
        "Indiquez le taux de TVA, par exemple 20.00 ; seules les opérations hors champ de la TVA (O) n'en ont pas."
        "The rate of a VAT breakdown is missing (BT-119)."
        "State the VAT rate, for example 20.00; only supplies outside VAT (O) have none."
    }
    "BR-49" {
        "Le code du moyen de paiement manque (BT-81)."
        "Indiquez le code du moyen de paiement : 30 pour un virement, 58 pour un virement SEPA."
        "The payment means code is missing (BT-81)."
        "State the payment means code: 30 for a credit transfer, 58 for a SEPA one."
    }
    "BR-50" {
        "Un virement est annoncé sans le compte à créditer (BT-84)."
        "Indiquez l'IBAN du fournisseur."
        "A credit transfer is announced without the account to pay into (BT-84)."
        "State the supplier's IBAN."
    }
    "BR-51" {
        "Le numéro de carte de paiement est écrit en trop de chiffres (BT-87)."
        "N'écrivez que les derniers chiffres de la carte : dix au plus, les autres masqués."
        "The payment card's number shows too many digits (BT-87)."
        "Write the card's last digits only: ten at most, the others masked."
    }
    "BR-52" {
        "Un document joint n'a pas de référence (BT-122)."
        "Donnez une référence à chaque document joint."
        "A supporting document has no reference (BT-122)."
        "Give each supporting document a reference."
    }
    "BR-53" {
        "Une devise de comptabilisation de la TVA est indiquée (BT-6) sans le total de TVA dans cette devise (BT-111)."
        "Ajoutez ce total, ou retirez cette devise."
        "A VAT accounting currency is given (BT-6) without the VAT total in that currency (BT-111)."
        "Add that total, or remove that currency."
    }
    "BR-54" {
        "Un attribut d'article n'a pas de nom ou pas de valeur (BT-160, BT-161)."
        "Donnez-lui les deux, ou retirez-le."
        "An item attribute lacks its name or its value (BT-160, BT-161)."
        "Give it both, or remove it."
    }
    "BR-55" {
        "Une référence à une facture antérieure ne la nomme pas (BT-25)."
        "Écrivez le numéro de la facture d'origine, ou retirez la référence."
        "A reference to a preceding invoice does not name it (BT-25)."
        "Write the number of the original invoice, or remove the reference."
    }
    "BR-56" {
        "Le numéro de TVA du représentant fiscal manque (BT-63)."
        "Indiquez le numéro de TVA du représentant fiscal."
        "The tax representative's VAT number is missing (BT-63)."
        "State the tax representative's VAT number."
    }
    "BR-57" {
        "Le code pays de l'adresse de livraison manque (BT-80)."
        "Indiquez le code pays à deux lettres de l'adresse de livraison, par exemple FR."
        "The delivery address has no country code (BT-80)."
        "State the two-letter country code of the delivery address, for example FR."
    }
    "BR-61" {
        "Le paiement par virement demande le compte à créditer (BT-84)."
        "Indiquez l'IBAN du fournisseur."
        "Payment by credit transfer needs the account to pay into (BT-84)."
        "State the supplier's IBAN."
    }
    "BR-62" {
        "L'adresse électronique du vendeur n'a pas de schéma (BT-34)."
        "Indiquez le schéma de cette adresse, par exemple 0009 pour un SIRET, ou retirez l'adresse."
        "The seller's electronic address has no scheme (BT-34)."
        "State the scheme of this address, for example 0009 for a SIRET, or remove the address."
    }
    "BR-63" {
        "L'adresse électronique de l'acheteur n'a pas de schéma (BT-49)."
        "Indiquez le schéma de cette adresse, par exemple 0009 pour un SIRET, ou retirez l'adresse."
        "The buyer's electronic address has no scheme (BT-49)."
        "State the scheme of this address, for example 0009 for a SIRET, or remove the address."
    }
    "BR-64" {
        "L'identifiant normalisé d'un article n'a pas de schéma (BT-157)."
        "Indiquez le schéma de cet identifiant, par exemple 0160 pour un code GTIN."
        "An item's standard identifier has no scheme (BT-157)."
        "State the scheme of this identifier, for example 0160 for a GTIN."
    }
    "BR-65" {
        "Un code de classement d'article n'a pas de schéma (BT-158)."
        "Indiquez le schéma de ce code, par exemple STI pour un code CPV."
        "An item's classification code has no scheme (BT-158)."
        "State the scheme of this code, for example STI for a CPV code."
    }
    "BR-B-01" {
        "La catégorie de TVA B (paiement scindé) n'existe qu'en Italie."
        "Remplacez cette catégorie, par exemple par S (taux normal)."
        "VAT category B (split payment) exists in Italy only."
        "Replace this category, for example by S (standard rate)."
    }
    "BR-B-02" {
        "Les catégories de TVA B (paiement scindé) et S (taux normal) ne vont pas ensemble."
        "Remplacez la catégorie B, par exemple par S."
        "VAT categories B (split payment) and S (standard rate) do not go together."
        "Replace category B, for example by S."
    }
    "BR-CO-03" {
        "La date d'exigibilité de la TVA (BT-7) et son code (BT-8) sont tous deux présents."
        "N'en gardez qu'un."
        "Both the VAT point date (BT-7) and its code (BT-8) are present."
        "Keep only one of them."
    }
    "BR-CO-04" {
        "La catégorie de TVA d'une ligne manque, ou n'est pas celle de la TVA (BT-151)."
        "Indiquez la catégorie de TVA de cette ligne, par exemple S, avec VAT pour taxe."
        "A line's VAT category is missing, or is of another tax than VAT (BT-151)."
        "State this line's VAT category, for example S, with VAT as its tax."
    }
    "BR-CO-05" {
        "Le code du motif d'une remise de pied de facture (BT-98) et son texte (BT-97) ne disent pas la même chose."
        "Mettez le code et le texte d'accord, ou n'en gardez qu'un."
        "The reason code of a document allowance (BT-98) and its text (BT-97) do not say the same."
        "Make code and text agree, or keep only one of them."
    }
    "BR-CO-06" {
        "Le code du motif de frais de pied de facture (BT-105) et son texte (BT-104) ne disent pas la même chose."
        "Mettez le code et le texte d'accord, ou n'en gardez qu'un."
        "The reason code of a document charge (BT-105) and its text (BT-104) do not say the same."
        "Make code and text agree, or keep only one of them."
    }
    "BR-CO-07" {
        "Le code du motif d'une remise de ligne (BT-140) et son texte (BT-139) ne disent pas la même chose."
        "Mettez le code et le texte d'accord, ou n'en gardez qu'un."
        "The reason code of a line's allowance (BT-140) and its text (BT-139) do not say the same."
        "Make code and text agree, or keep only one of them."
    }
    "BR-CO-08" {
        "Le code du motif de frais de ligne (BT-145) et son texte (BT-144) ne disent pas la même chose."
        "Mettez le code et le texte d'accord, ou n'en gardez qu'un."
        "The reason code of a line's charge (BT-145) and its text (BT-144) do not say the same."
        "Make code and text agree, or keep only one of them."
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
    "BR-CO-19" {
        "La période de facturation n'a ni début (BT-73) ni fin (BT-74)."
        "Indiquez l'une des deux dates, ou retirez la période."
        "The invoicing period has neither begin (BT-73) nor end (BT-74)."
        "State one of the two dates, or remove the period."
    }
    "BR-CO-20" {
        "La période d'une ligne n'a ni début (BT-134) ni fin (BT-135)."
        "Indiquez l'une des deux dates, ou retirez la période."
        "A line's period has neither begin (BT-134) nor end (BT-135)."
        "State one of the two dates, or remove the period."
    }
    "BR-CO-21" {
        "Le motif d'une remise de pied de facture manque (BT-97 ou BT-98)."
        "Écrivez le motif de cette remise, en clair ou par son code."
        "The reason of a document allowance is missing (BT-97 or BT-98)."
        "Write the reason of this allowance, as text or as a code."
    }
    "BR-CO-22" {
        "Le motif de frais de pied de facture manque (BT-104 ou BT-105)."
        "Écrivez le motif de ces frais, en clair ou par son code."
        "The reason of a document charge is missing (BT-104 or BT-105)."
        "Write the reason of this charge, as text or as a code."
    }
    "BR-CO-23" {
        "Le motif d'une remise de ligne manque (BT-139 ou BT-140)."
        "Écrivez le motif de cette remise, en clair ou par son code."
        "The reason of a line's allowance is missing (BT-139 or BT-140)."
        "Write the reason of this allowance, as text or as a code."
    }
    "BR-CO-24" {
        "Le motif de frais de ligne manque (BT-144 ou BT-145)."
        "Écrivez le motif de ces frais, en clair ou par son code."
        "The reason of a line's charge is missing (BT-144 or BT-145)."
        "Write the reason of this charge, as text or as a code."
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
    "BR-DEC-*" {
        "Un montant a plus de deux décimales."
        "Arrondissez ce montant au centime."
        "An amount has more than two decimals."
        "Round this amount to the cent."
    }
    "BR-IC-11" {
        "Une livraison intracommunautaire demande la date de livraison (BT-72) ou la période de facturation (BG-14)."
        "Ajoutez l'une des deux."
        "An intra-community supply needs the delivery date (BT-72) or the invoicing period (BG-14)."
        "Add one of the two."
    }
    "BR-IC-12" {
        "Une livraison intracommunautaire demande le code pays de livraison (BT-80)."
        "Ajoutez le code pays à deux lettres du lieu de livraison."
        "An intra-community supply needs the country of delivery (BT-80)."
        "Add the two-letter country code of the place of delivery."
    }
    "BR-O-11" {
        "La ventilation de TVA mêle le hors champ (O) à d'autres catégories."
        "Une facture hors champ de la TVA n'a que cette catégorie : séparez en deux factures, ou corrigez les catégories."
        "The VAT breakdown mixes \"outside VAT\" (O) with other categories."
        "An invoice outside VAT has this category only: make two invoices, or correct the categories."
    }
    "BR-O-12" {
        "Une ligne n'est pas hors champ de la TVA (O), alors que la facture l'est (BT-151)."
        "Séparez en deux factures, ou corrigez la catégorie de cette ligne."
        "A line is not outside VAT (O), although the invoice is (BT-151)."
        "Make two invoices, or correct this line's category."
    }
    "BR-O-13" {
        "Une remise n'est pas hors champ de la TVA (O), alors que la facture l'est (BT-95)."
        "Séparez en deux factures, ou corrigez la catégorie de cette remise."
        "An allowance is not outside VAT (O), although the invoice is (BT-95)."
        "Make two invoices, or correct this allowance's category."
    }
    "BR-O-14" {
        "Des frais ne sont pas hors champ de la TVA (O), alors que la facture l'est (BT-102)."
        "Séparez en deux factures, ou corrigez la catégorie de ces frais."
        "A charge is not outside VAT (O), although the invoice is (BT-102)."
        "Make two invoices, or correct this charge's category."
    }
    "EN-CURRENCY-01" {
        "La devise XXX veut dire « aucune devise » (BT-5)."
        "Indiquez la devise de la facture, par exemple EUR."
        "Currency XXX means \"no currency\" (BT-5)."
        "State the invoice's currency, for example EUR."
    }
    "EN-EXT-*" {
        "La facture porte des données d'extension que ce profil ne sait pas représenter."
        "Retirez ces données, ou utilisez le profil qui les admet."
        "The invoice carries extension data that this profile cannot represent."
        "Remove these data, or use the profile that allows them."
    }
}
