//! What codes mean, in French. A code that is not here is shown as it stands: nothing is guessed.

/// BT-3 (UNTDID 1001).
pub fn document(code: &str) -> Option<&'static str> {
    Some(match code {
        "80" => "Note de débit (biens ou services)",
        "82" => "Facture de services au compteur",
        "84" => "Note de débit (ajustement financier)",
        "130" => "Feuille de données de facturation",
        "202" => "Facture de paiement direct",
        "203" => "Facture provisoire de paiement direct",
        "204" => "Facture d'avancement",
        "211" => "Demande d'acompte",
        "261" => "Avoir autofacturé",
        "262" => "Avoir (remise globale)",
        "295" => "Facture de variation de prix",
        "296" => "Avoir de variation de prix",
        "308" => "Avoir ducroire",
        "325" => "Facture pro forma",
        "326" => "Facture partielle",
        "380" => "Facture",
        "381" => "Avoir",
        "383" => "Note de débit",
        "384" => "Facture rectificative",
        "385" => "Facture récapitulative",
        "386" => "Facture d'acompte",
        "387" => "Facture de location",
        "388" => "Facture de TVA",
        "389" => "Facture autofacturée",
        "390" => "Facture ducroire",
        "393" => "Facture affacturée",
        "394" => "Facture de crédit-bail",
        "395" => "Facture de consignation",
        "396" => "Avoir affacturé",
        "420" => "Avoir (reconnaissance optique)",
        "456" => "Avis de débit",
        "457" => "Annulation d'un débit",
        "458" => "Annulation d'un crédit",
        "471" => "Facture rectificative autofacturée",
        "472" => "Facture rectificative affacturée",
        "473" => "Facture rectificative autofacturée et affacturée",
        "500" => "Facture d'acompte autofacturée",
        "501" => "Facture autofacturée et affacturée",
        "502" => "Avoir autofacturé et affacturé",
        "503" => "Avoir d'une facture d'acompte",
        "532" => "Avoir du transitaire",
        "575" => "Facture de l'assureur",
        "623" => "Facture du transitaire",
        "633" => "Facture de frais portuaires",
        "751" => "Facture pour comptabilité",
        "780" => "Facture de fret",
        "875" => "Facture partielle de travaux",
        "876" => "Facture d'avancement de travaux",
        "877" => "Facture finale de travaux",
        "935" => "Facture pour la douane",
        _ => return None,
    })
}

/// BT-23: the frames of the reform, and those of Chorus Pro by their long codes (PROTOCOL §2.2, §4).
pub fn frame(code: &str) -> Option<&'static str> {
    Some(match code {
        "B1" => "Facture de biens",
        "S1" => "Facture de services",
        "M1" => "Facture de biens et de services",
        "B2" => "Facture de biens déjà payée",
        "S2" => "Facture de services déjà payée",
        "M2" => "Facture de biens et de services déjà payée",
        "S3" => "Facture d'un sous-traitant, paiement direct",
        "B4" => "Facture définitive de biens, après acompte",
        "S4" => "Facture définitive de services, après acompte",
        "M4" => "Facture définitive de biens et de services, après acompte",
        "S5" => "Facture de services d'un sous-traitant",
        "S6" => "Facture de services d'un cotraitant",
        "B7" => "Facture de biens, TVA déjà collectée",
        "S7" => "Facture de services, TVA déjà collectée",
        "B8" | "S8" | "M8" | "B9" | "S9" | "M9" => "Facture de plusieurs vendeurs",
        "A1" => "Facture d'un fournisseur",
        "A2" => "Facture d'un fournisseur, déjà payée",
        "A3" => "Mémoire de frais de justice",
        "A4" => "Projet de décompte mensuel d'un fournisseur",
        "A5" => "État d'acompte d'un fournisseur",
        "A6" => "État d'acompte d'un fournisseur, validé",
        "A7" => "Projet de décompte final d'un fournisseur",
        "A8" => "Décompte général et définitif d'un fournisseur",
        "A9" => "Facture d'un sous-traitant",
        "A10" => "Projet de décompte mensuel d'un sous-traitant",
        "A11" => "Projet de décompte final d'un sous-traitant",
        "A12" => "Facture d'un cotraitant",
        "A13" => "Projet de décompte mensuel d'un cotraitant",
        "A14" => "Projet de décompte final d'un cotraitant",
        "A15" => "État d'acompte de la maîtrise d'œuvre",
        "A16" => "État d'acompte de la maîtrise d'œuvre, validé",
        "A17" => "Projet de décompte général de la maîtrise d'œuvre",
        "A18" => "Décompte général de la maîtrise d'œuvre",
        "A19" => "État d'acompte de la maîtrise d'ouvrage, validé",
        "A20" => "Décompte général de la maîtrise d'ouvrage",
        "A21" => "Demande de remboursement de TIC",
        "A22" => "Projet de décompte général d'un fournisseur, procédure tacite",
        "A23" => "Décompte général et définitif tacite d'un fournisseur",
        "A24" => "Décompte général et définitif tacite de la maîtrise d'œuvre",
        "A25" => "Décompte général et définitif de la maîtrise d'œuvre, procédure tacite",
        _ => return None,
    })
}

/// BT-21 (UNTDID 4451).
pub fn subject(code: &str) -> Option<&'static str> {
    Some(match code {
        "AAA" => "Description des biens",
        "AAB" => "Escompte",
        "AAC" => "Marchandises dangereuses",
        "AAI" => "Information générale",
        "AAJ" => "Conditions particulières de vente",
        "AAK" => "Conditions de prix",
        "AAQ" => "Conditions de transport",
        "AAR" => "Conditions de livraison",
        "ABL" => "Mention légale",
        "ABN" => "Information comptable",
        "ABP" => "Condition d'achat",
        "ABU" => "Conditions et garanties",
        "ABZ" => "Numéro d'immatriculation du véhicule",
        "ACB" => "Information complémentaire",
        "ACC" => "Affacturage : cession de la créance",
        "ACD" => "Motif",
        "ACE" => "Litige",
        "ACY" => "Introduction",
        "ADN" => "Destination de la facture",
        "ADU" => "Note sur le service",
        "ALC" => "Remises et frais",
        "BAR" => "Traitement attendu",
        "BLU" => "Éco-participation (déchets)",
        "CUR" => "Information pour le client",
        "CUS" => "Information pour la douane",
        "DCL" => "Identité du déclarant",
        "INV" => "Instruction de facturation",
        "OSI" => "Autres instructions de service",
        "PAI" => "Information de paiement",
        "PMD" => "Pénalités de retard",
        "PMT" => "Frais de recouvrement",
        "PUR" => "Information d'achat",
        "REG" => "Information réglementaire",
        "SUR" => "Remarque du fournisseur",
        "TXD" => "Mention fiscale",
        "WHI" => "Instruction pour l'entrepôt",
        _ => return None,
    })
}

/// BT-81 (UNTDID 4461).
pub fn means(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "Moyen non défini",
        "10" => "Espèces",
        "20" => "Chèque",
        "21" => "Traite",
        "23" => "Chèque de banque",
        "24" => "Lettre de change",
        "25" => "Chèque certifié",
        "30" => "Virement",
        "31" => "Virement au débit",
        "42" => "Versement sur compte bancaire",
        "48" => "Carte bancaire",
        "49" => "Prélèvement",
        "54" => "Carte de crédit",
        "55" => "Carte de débit",
        "57" => "Accord permanent",
        "58" => "Virement SEPA",
        "59" => "Prélèvement SEPA",
        "60" => "Billet à ordre",
        "68" => "Paiement en ligne",
        "97" => "Compensation entre partenaires",
        "ZZZ" => "Moyen convenu entre les parties",
        _ => return None,
    })
}

/// BT-130 (UN/ECE 20 and 21): one of it, and several.
pub fn unit(code: &str) -> Option<(&'static str, &'static str)> {
    let same = |unit| Some((unit, unit));
    match code {
        "C62" | "EA" | "NAR" | "XUN" => Some(("unité", "unités")),
        "H87" | "XPP" | "PCE" => Some(("pièce", "pièces")),
        "HUR" => Some(("heure", "heures")),
        "DAY" => Some(("jour", "jours")),
        "WEE" => Some(("semaine", "semaines")),
        "MON" => same("mois"),
        "QAN" => Some(("trimestre", "trimestres")),
        "SAN" => Some(("semestre", "semestres")),
        "ANN" => Some(("an", "ans")),
        "MIN" => Some(("minute", "minutes")),
        "SEC" => Some(("seconde", "secondes")),
        "LS" | "XLS" => Some(("forfait", "forfaits")),
        "SET" | "XLT" | "LO" => Some(("lot", "lots")),
        "PR" => Some(("paire", "paires")),
        "DZN" => Some(("douzaine", "douzaines")),
        "CEN" => Some(("cent", "cents")),
        "MIL" => same("mille"),
        "TNE" => Some(("tonne", "tonnes")),
        "LTR" => Some(("litre", "litres")),
        "E48" => Some(("prestation", "prestations")),
        "IE" => Some(("personne", "personnes")),
        "XBX" => Some(("boîte", "boîtes")),
        "XCT" => Some(("carton", "cartons")),
        "XPK" => Some(("colis", "colis")),
        "XPX" => Some(("palette", "palettes")),
        "XRO" => Some(("rouleau", "rouleaux")),
        "XSA" => Some(("sac", "sacs")),
        "XBO" => Some(("bouteille", "bouteilles")),
        "KGM" => same("kg"),
        "GRM" => same("g"),
        "MGM" => same("mg"),
        "MTR" => same("m"),
        "CMT" => same("cm"),
        "MMT" => same("mm"),
        "KMT" => same("km"),
        "MTK" => same("m²"),
        "MTQ" => same("m³"),
        "HAR" => same("ha"),
        "MLT" => same("ml"),
        "CLT" => same("cl"),
        "HLT" => same("hl"),
        "KWH" => same("kWh"),
        "MWH" => same("MWh"),
        "KWT" => same("kW"),
        "KVA" => same("kVA"),
        "4L" => same("Mo"),
        "E34" => same("Go"),
        "P1" => same("%"),
        _ => None,
    }
}

/// BT-118 and the like (UNTDID 5305).
pub fn vat_category(code: &str) -> Option<&'static str> {
    Some(match code {
        "S" => "Taux normal ou réduit",
        "Z" => "Taux zéro",
        "E" => "Exonéré",
        "AE" => "Autoliquidation",
        "K" => "Livraison intracommunautaire",
        "G" => "Exportation",
        "O" => "Hors champ de la TVA",
        "L" => "IGIC (Canaries)",
        "M" => "IPSI (Ceuta et Melilla)",
        "B" => "Paiement scindé (Italie)",
        _ => return None,
    })
}

/// BT-121 (VATEX): what the code says in words.
pub fn exemption(code: &str) -> Option<String> {
    let known = match code {
        "VATEX-EU-AE" => "autoliquidation",
        "VATEX-EU-IC" => "livraison intracommunautaire",
        "VATEX-EU-G" => "exportation hors de l'Union européenne",
        "VATEX-EU-O" => "hors champ de la TVA",
        "VATEX-EU-D" => "régime particulier des moyens de transport d'occasion",
        "VATEX-EU-F" => "régime particulier des biens d'occasion",
        "VATEX-EU-I" => "régime particulier des objets d'art",
        "VATEX-EU-J" => "régime particulier des objets de collection et d'antiquité",
        "VATEX-FR-FRANCHISE" => "franchise en base (article 293 B du CGI)",
        "VATEX-FR-298SEXDECIESA" => "article 298 sexdecies A du CGI",
        "VATEX-FR-CNWVAT" => "avoir net de taxe",
        "VATEX-FR-AE" => "autoliquidation (article 283 du CGI)",
        _ => "",
    };
    if !known.is_empty() {
        return Some(known.to_owned());
    }
    let article = |rest: &str| {
        let is_article = rest.starts_with(|first: char| first.is_ascii_digit());
        is_article.then(|| rest.replace('-', ", ").to_lowercase())
    };
    if let Some(article) = code.strip_prefix("VATEX-EU-").and_then(article) {
        return Some(format!("article {article} de la directive 2006/112/CE"));
    }
    let french = code.strip_prefix("VATEX-FR-")?;
    let article = article(french.strip_prefix("CGI").unwrap_or(french))?;
    let is_counted = article.contains(", ") && article.ends_with(|last: char| last.is_ascii_digit());
    Some(format!("article {article}{} du CGI", if is_counted { "°" } else { "" }))
}

/// BT-98 and BT-140 (UNTDID 5189).
pub fn allowance(code: &str) -> Option<&'static str> {
    Some(match code {
        "41" => "Prime pour travaux en avance",
        "42" => "Autre prime",
        "60" => "Remise du fabricant",
        "64" => "Accord particulier",
        "65" => "Remise pour défaut de fabrication",
        "66" => "Remise d'ouverture",
        "67" => "Remise pour échantillon",
        "68" => "Remise de fin de série",
        "95" => "Remise",
        "100" => "Remise exceptionnelle",
        "102" => "Remise fixe à long terme",
        "103" => "Remise temporaire",
        "104" => "Remise habituelle",
        "105" => "Remise sur chiffre d'affaires annuel",
        _ => return None,
    })
}

/// BT-105 and BT-145 (UNTDID 7161).
pub fn charge(code: &str) -> Option<&'static str> {
    Some(match code {
        "AA" => "Publicité",
        "ABK" => "Divers",
        "ADR" => "Autres services",
        "ADT" => "Enlèvement",
        "AJ" => "Ajustement",
        "DL" => "Livraison",
        "FC" => "Transport",
        "FI" => "Frais financiers",
        "IN" => "Assurance",
        "LA" => "Main-d'œuvre",
        "PC" => "Emballage",
        "SH" => "Manutention et expédition",
        "TX" => "Taxe",
        _ => return None,
    })
}

/// Schemes of identifiers (ISO 6523) and of electronic addresses (EAS).
pub fn scheme(code: &str) -> Option<&'static str> {
    Some(match code {
        "0002" => "SIREN",
        "0009" => "SIRET",
        "0060" => "DUNS",
        "0088" => "GLN",
        "0160" => "GTIN",
        "0223" => "n° de TVA européen",
        "0224" => "code de routage",
        "0225" => "annuaire français",
        "0226" => "particulier",
        "0227" => "hors Union européenne",
        "0228" => "RIDET",
        "0229" => "TAHITI",
        "0231" => "identifiant de vendeur",
        "EM" => "courriel",
        _ => return None,
    })
}

/// BT-8: when VAT falls due (UNTDID 2005, and 2475 as CII writes it).
pub fn vat_point(code: &str) -> Option<&'static str> {
    Some(match code {
        "3" | "5" => "à la date de la facture (option pour les débits)",
        "35" | "29" => "à la livraison",
        "432" | "72" => "à l'encaissement",
        _ => return None,
    })
}

/// ISO 3166-1.
pub fn country(code: &str) -> Option<&'static str> {
    Some(match code {
        "AD" => "Andorre",
        "AT" => "Autriche",
        "BE" => "Belgique",
        "BG" => "Bulgarie",
        "BL" => "Saint-Barthélemy",
        "CA" => "Canada",
        "CH" => "Suisse",
        "CN" => "Chine",
        "CY" => "Chypre",
        "CZ" => "Tchéquie",
        "DE" => "Allemagne",
        "DK" => "Danemark",
        "DZ" => "Algérie",
        "EE" => "Estonie",
        "ES" => "Espagne",
        "FI" => "Finlande",
        "FR" => "France",
        "GB" => "Royaume-Uni",
        "GF" => "Guyane",
        "GP" => "Guadeloupe",
        "GR" => "Grèce",
        "HR" => "Croatie",
        "HU" => "Hongrie",
        "IE" => "Irlande",
        "IS" => "Islande",
        "IT" => "Italie",
        "JP" => "Japon",
        "LI" => "Liechtenstein",
        "LT" => "Lituanie",
        "LU" => "Luxembourg",
        "LV" => "Lettonie",
        "MA" => "Maroc",
        "MC" => "Monaco",
        "MF" => "Saint-Martin",
        "MQ" => "Martinique",
        "MT" => "Malte",
        "NC" => "Nouvelle-Calédonie",
        "NL" => "Pays-Bas",
        "NO" => "Norvège",
        "PF" => "Polynésie française",
        "PL" => "Pologne",
        "PM" => "Saint-Pierre-et-Miquelon",
        "PT" => "Portugal",
        "RE" => "La Réunion",
        "RO" => "Roumanie",
        "SE" => "Suède",
        "SI" => "Slovénie",
        "SK" => "Slovaquie",
        "TN" => "Tunisie",
        "US" => "États-Unis",
        "WF" => "Wallis-et-Futuna",
        "YT" => "Mayotte",
        _ => return None,
    })
}

/// Whether money goes back to the buyer (BT-3).
pub fn is_credit(code: &str) -> bool {
    const CREDITS: [&str; 13] =
        ["81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"];
    CREDITS.contains(&code)
}
