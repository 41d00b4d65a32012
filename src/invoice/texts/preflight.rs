//! AFNOR's rules of invoices to public bodies (BR-FR-CPRO), in words.

use super::Words;

table! {
    "BR-FR-CPRO-02" {
        "Le numéro de la facture antérieure d'une ligne a {length} caractères ; Chorus Pro en admet {limit}."
        "Écrivez le numéro que Chorus Pro connaît."
        "The number of a line's preceding invoice has {length} characters; Chorus Pro allows {limit}."
        "Write the number that Chorus Pro knows."
    }
    "BR-FR-CPRO-03" {
        "Le vendeur n'a pas d'identifiant que Chorus Pro admet (BT-29)."
        "Écrivez son SIRET avec le schéma 0009 ; pour un vendeur sans SIRET, son numéro avec le schéma 0223 (TVA de l'Union), 0226 (particulier), 0227 (hors Union), 0228 (RIDET) ou 0229 (TAHITI)."
        "The seller has no identifier that Chorus Pro takes (BT-29)."
        "Write its SIRET with scheme 0009; for a seller without one its number with scheme 0223 (VAT of the Union), 0226 (private person), 0227 (outside the Union), 0228 (RIDET) or 0229 (TAHITI)."
    }
    "BR-FR-CPRO-04-08" {
        "L'identifiant « {value} » du vendeur n'a pas la forme de son schéma {scheme} (BT-29)."
        "0223 et 0227 : moins de 18 caractères ; 0228 et 0229 : 9 ou 10 ; 0226 : 10 chiffres, puis 70 caractères au plus. Corrigez le numéro ou son schéma."
        "The seller's identifier \"{value}\" is not written as its scheme {scheme} wants it (BT-29)."
        "0223 and 0227: fewer than 18 characters; 0228 and 0229: 9 or 10; 0226: 10 digits, then 70 characters at most. Correct the number or its scheme."
    }
    "BR-FR-CPRO-09" {
        "Le vendeur donne son SIREN ({value}) et pas son SIRET."
        "Ajoutez son SIRET avec le schéma 0009 (BT-29) : Chorus Pro reconnaît l'établissement, pas l'entreprise seule."
        "The seller gives its SIREN ({value}) and no SIRET."
        "Add its SIRET with scheme 0009 (BT-29): Chorus Pro knows the establishment, not the firm alone."
    }
    "BR-FR-CPRO-17" {
        "Le bénéficiaire du paiement donne son SIREN ({value}) et pas son SIRET."
        "Ajoutez son SIRET avec le schéma 0009 (BT-60)."
        "The payee gives its SIREN ({value}) and no SIRET."
        "Add its SIRET with scheme 0009 (BT-60)."
    }
    "BR-FR-CPRO-20" {
        "La facture nomme plusieurs factures antérieures (BG-3) ; Chorus Pro n'en admet qu'une."
        "Ne gardez que la référence de la facture que celle-ci corrige ou solde ; faites une facture pour chaque autre."
        "The invoice names several preceding invoices (BG-3); Chorus Pro allows one."
        "Keep only the reference of the invoice that this one corrects or settles; make an invoice for each other."
    }
    "BR-FR-CPRO-25" {
        "Les conditions de paiement sont écrites plusieurs fois (BT-20)."
        "Réunissez-les en un seul texte."
        "The payment terms are written several times (BT-20)."
        "Join them in one text."
    }
    "BR-FR-CPRO-26" {
        "Le vendeur a plusieurs contacts (BG-6) ; Chorus Pro n'en admet qu'un."
        "Ne gardez qu'un seul contact."
        "The seller has several contacts (BG-6); Chorus Pro allows one."
        "Keep a single contact."
    }
    "BR-FR-CPRO-27" {
        "L'acheteur a plusieurs contacts (BG-9) ; Chorus Pro n'en admet qu'un."
        "Ne gardez qu'un seul contact."
        "The buyer has several contacts (BG-9); Chorus Pro allows one."
        "Keep a single contact."
    }
    "BR-FR-CPRO-30" {
        "La référence d'un document joint (BT-122) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The reference of a supporting document (BT-122) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-31" {
        "La description d'un article (BT-154) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "An item's description (BT-154) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-32" {
        "La rue du vendeur (BT-35) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The seller's street (BT-35) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-33" {
        "La ville du vendeur (BT-37) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The seller's city (BT-37) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-34" {
        "Le nom commercial de l'acheteur (BT-45) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The buyer's trading name (BT-45) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-35" {
        "Les conditions de paiement (BT-20) ont {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The payment terms (BT-20) have {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-36" {
        "Le nom commercial du vendeur (BT-28) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The seller's trading name (BT-28) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-37" {
        "Le nom du bénéficiaire du paiement (BT-59) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The payee's name (BT-59) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-38" {
        "L'identifiant du lieu de livraison (BT-71) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The delivery location's identifier (BT-71) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-39" {
        "Le compte à créditer (BT-84) a {length} caractères ; Chorus Pro en admet {limit}."
        "Vérifiez le compte : un IBAN français a 27 caractères. Pour un compte étranger plus long, demandez à Chorus Pro avant d'envoyer."
        "The account to pay to (BT-84) has {length} characters; Chorus Pro allows {limit}."
        "Check the account: a French IBAN has 27 characters. For a longer foreign one ask Chorus Pro before sending."
    }
    "BR-FR-CPRO-40" {
        "L'identifiant du lieu de livraison d'une ligne a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The identifier of a line's delivery location has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-42" {
        "Une note (BT-22) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette note, ou coupez-la en plusieurs."
        "A note (BT-22) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this note, or split it into several."
    }
    "BR-FR-CPRO-43" {
        "Le nom du vendeur (BT-27) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The seller's name (BT-27) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
    "BR-FR-CPRO-44" {
        "Le nom de l'acheteur (BT-44) a {length} caractères ; Chorus Pro en admet {limit}."
        "Raccourcissez cette donnée dans l'application qui produit la facture."
        "The buyer's name (BT-44) has {length} characters; Chorus Pro allows {limit}."
        "Shorten this in the application that makes the invoice."
    }
}
