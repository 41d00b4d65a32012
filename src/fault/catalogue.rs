//! The table itself: a row per fault, in the order of the codes. Name, code, who must act, whether trying again helps; then
//! title and remedy in French, title and remedy in English.

use super::{Actor, Entry, Retry};

macro_rules! catalogue {
    ($($name:ident $text:literal $actor:ident $retry:ident { $tfr:literal $rfr:literal $ten:literal $ren:literal })*) => {
        /// Every fault this product can name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($name,)* }

        /// The catalogue, in the order of its codes.
        pub const CATALOGUE: &[Entry] = &[$(Entry {
            code: Code::$name, text: $text, actor: Actor::$actor, retry: Retry::$retry,
            title: [$tfr, $ten], remedy: [$rfr, $ren],
        },)*];
    };
}

catalogue! {
    FileTooLarge "FG-101" Supplier Never {
        "Fichier trop volumineux : {size} pour {limit} au plus"
        "Réduisez le fichier (pièces jointes moins lourdes ou en moins grand nombre) et déposez-le de nouveau."
        "File too large: {size}, the limit is {limit}"
        "Make the file smaller (lighter or fewer attachments) and drop it again."
    }
    QuotaExceeded "FG-102" Establishment Never {
        "Trop de fichiers en attente pour le compte {account} : {used}, pour {limit} au plus"
        "Rien n'a été pris. Attendez que les fichiers déjà déposés soient traités, complétez ou abandonnez sur la page les PDF qui attendent leurs données, et renommez ou supprimez les fichiers qui portent un nom temporaire, puis déposez celui-ci de nouveau. Si cela revient, faites relever le quota (limits.pending_bytes, limits.pending_files)."
        "Too many files wait for account {account}: {used}, the limit is {limit}"
        "Nothing was taken. Wait until the files dropped before are processed, complete or abandon on the page the PDFs that wait for their data, and rename or remove the files under a temporary name, then drop this one again. If it comes back, have the quota raised (limits.pending_bytes, limits.pending_files)."
    }
    DiskNearlyFull "FG-103" Appliance Never {
        "Disque presque plein : {free} libres, {reserve} gardés en réserve"
        "Rien n'a été pris. Libérez de la place ou agrandissez le disque de données, puis déposez le fichier de nouveau."
        "Disk nearly full: {free} free, {reserve} kept in reserve"
        "Nothing was taken. Free some space or enlarge the data disk, then drop the file again."
    }
    UnknownFolder "FG-104" Establishment Never {
        "Dossier inconnu : {folder}"
        "Déposez dans /depot, ou dans un dossier que nomme une [[route]] de la configuration."
        "Unknown folder: {folder}"
        "Drop into /depot, or into a folder that a [[route]] of the configuration names."
    }
    NameNotAllowed "FG-105" Establishment Never {
        "Nom de fichier refusé : {name} (détail technique : {reason})"
        "Renommez le fichier et déposez-le de nouveau : 200 octets au plus (un caractère accentué en compte deux), en UTF-8, sans barre oblique ni caractère de contrôle."
        "File name refused: {name} (technical detail: {reason})"
        "Rename the file and drop it again: at most 200 bytes (an accented letter counts two), UTF-8, no slash and no control character."
    }
    Duplicate "FG-106" Establishment Never {
        "Déjà déposé : ce fichier est identique au flux {first}"
        "Rien à faire si le même fichier a été envoyé deux fois : le premier suit son cours. Si ce doit être une autre facture, donnez-lui son propre numéro et déposez-la."
        "Already dropped: this file is identical to flow {first}"
        "Nothing to do if the same file was sent twice: the first goes its way. If it is meant to be another invoice, give it a number of its own and drop it."
    }
    UploadInterrupted "FG-107" Network Never {
        "Dépôt interrompu : {received} reçus, puis la connexion s'est fermée"
        "Rien n'a été pris. Déposez le fichier de nouveau."
        "Upload interrupted: {received} arrived, then the connection ended"
        "Nothing was taken. Drop the file again."
    }
    NoRoute "FG-108" Establishment Never {
        "Aucune route pour le compte {account} et le dossier {folder}"
        "Rien n'a été pris. Ajoutez une [[route]] pour ce compte et ce dossier dans la configuration, puis déposez le fichier de nouveau."
        "No route for account {account} and folder {folder}"
        "Nothing was taken. Add a [[route]] for this account and folder to the configuration, then drop the file again."
    }
    NeverRenamed "FG-109" Establishment Never {
        "Fichier temporaire jamais renommé : {name}"
        "Le fichier déposé sous un nom temporaire n'a pas été renommé en 24 h et a été retiré. Vérifiez l'application, puis déposez-le de nouveau s'il est toujours à envoyer."
        "Temporary file never renamed: {name}"
        "The file dropped under a temporary name was not renamed within 24 h and was removed. Check the application, then drop it again if it is still to be sent."
    }
    NumberTaken "FG-110" Supplier Never {
        "Numéro déjà utilisé : la facture {number} de ce fournisseur est déjà dans le flux {first}"
        "Rien à faire si c'est la même facture. Sinon, donnez-lui un autre numéro dans l'application d'origine et déposez-la de nouveau."
        "Number already used: invoice {number} of this supplier is already in flow {first}"
        "Nothing to do if it is the same invoice. Otherwise give it another number in the application of origin and drop it again."
    }
    EmptyFile "FG-201" Supplier Never {
        "Fichier vide"
        "Vérifiez l'application qui écrit le fichier, puis déposez la facture entière."
        "Empty file"
        "Check the application that writes the file, then drop the whole invoice."
    }
    NotAnInvoice "FG-202" Supplier Never {
        "Ce fichier n'est pas une facture : il ressemble à {looks_like}"
        "Déposez une facture UBL, CII ou Factur-X. Si c'en est une, son éditeur doit corriger ce qui est nommé ici, et vous la déposerez de nouveau."
        "This file is no invoice: it looks like {looks_like}"
        "Drop a UBL, CII or Factur-X invoice. If it is one, its publisher must correct what is named here, and you drop it again."
    }
    XmlMalformed "FG-203" Supplier Never {
        "XML mal formé : {detail} ({place})"
        "S'il a été coupé pendant le transfert, déposez-le de nouveau ; sinon, faites corriger l'application qui écrit le fichier, puis déposez la facture corrigée."
        "Malformed XML: {detail} ({place})"
        "If it was cut in transfer, drop it again; otherwise have the application that writes the file corrected, then drop the corrected invoice."
    }
    EncodingWrong "FG-204" Supplier Never {
        "Encodage incorrect : {detail} ({place})"
        "Faites écrire le fichier en UTF-8, avec encoding=\"UTF-8\" dans sa première ligne, et déposez-le de nouveau."
        "Wrong encoding: {detail} ({place})"
        "Have the file written as UTF-8, with encoding=\"UTF-8\" in its first line, and drop it again."
    }
    XmlForbidden "FG-205" Supplier Never {
        "XML refusé par sécurité : {detail}"
        "Faites retirer la déclaration DOCTYPE et les entités par l'application qui écrit le fichier : une facture n'en a pas besoin. Déposez ensuite la facture corrigée."
        "XML refused for safety: {detail}"
        "Have the application that writes the file leave out the DOCTYPE declaration and the entities: an invoice needs none. Then drop the corrected invoice."
    }
    ContentOverLimit "FG-206" Supplier Never {
        "Contenu hors limites : {detail}"
        "Ramenez le fichier sous cette limite (moins de lignes, moins de pièces jointes, ou plusieurs factures), puis déposez-le de nouveau."
        "Content over a limit: {detail}"
        "Bring the file below this limit (fewer lines, fewer attachments, or several invoices), then drop it again."
    }
    PdfWithoutInvoice "FG-207" Supplier Never {
        "PDF sans facture électronique à l'intérieur"
        "Ajoutez ses données à côté du PDF, sous le nom NOM.pdf.json (modèle : config/schema/pdf-sidecar.schema.json), ou déposez un Factur-X (PDF contenant factur-x.xml), un UBL ou un CII."
        "PDF without an electronic invoice inside"
        "Put its data beside the PDF, as NAME.pdf.json (model: config/schema/pdf-sidecar.schema.json), or drop a Factur-X (a PDF that holds factur-x.xml), a UBL or a CII."
    }
    KindNotHandled "FG-208" Establishment Never {
        "Type de fichier reconnu mais pas encore traité : {kind}"
        "Déposez les factures une par une, en UBL, CII ou Factur-X."
        "File type recognised but not handled yet: {kind}"
        "Drop the invoices one by one, as UBL, CII or Factur-X."
    }
    RulesFailed "FG-209" Supplier Never {
        "Facture non conforme (anomalies bloquantes : {count}) ; la première : {first}"
        "Corrigez chaque anomalie de la liste dans l'application d'origine et déposez la facture corrigée."
        "Invoice not compliant (blocking findings: {count}); the first: {first}"
        "Correct each finding of the list in the application of origin and drop the corrected invoice."
    }
    ArchiveUnreadable "FG-210" Supplier Never {
        "Archive inutilisable : {detail}"
        "Recréez l'archive (.zip ou .tar.gz, sans mot de passe, sans archive à l'intérieur) et déposez-la de nouveau."
        "Unusable archive: {detail}"
        "Make the archive anew (.zip or .tar.gz, without a password, without an archive inside) and drop it again."
    }
    StatusFileWrong "FG-211" Establishment Never {
        "Fichier de statuts inutilisable (erreurs : {count}) ; la première : {first}"
        "Corrigez chaque ligne de la liste et déposez le fichier de nouveau : aucun statut n'a été transmis."
        "Unusable status file (errors: {count}); the first: {first}"
        "Correct each line of the list and drop the file again: no status was passed on."
    }
    PdfAwaitsData "FG-212" Establishment AfterAction {
        "PDF sans facture électronique à l'intérieur : ses données sont attendues"
        "Déposez ses données dans le même dossier, sous le nom {sidecar} (modèle : config/schema/pdf-sidecar.schema.json), ou saisissez-les sur la page du flux. Sinon, abandonnez le flux et déposez un Factur-X, un UBL ou un CII."
        "PDF without an electronic invoice inside: its data are awaited"
        "Drop its data into the same folder, as {sidecar} (model: config/schema/pdf-sidecar.schema.json), or enter them on the flow's page. Otherwise abandon the flow and drop a Factur-X, a UBL or a CII."
    }
    DataAwaitPdf "FG-213" Establishment Later {
        "Données de facture reçues : leur PDF « {pdf} » est attendu"
        "Rien à faire si le PDF suit dans le même dossier. Sans lui, ces données seront refusées {hours} h après leur dépôt."
        "Data of an invoice received: their PDF \"{pdf}\" is awaited"
        "Nothing to do if the PDF follows into the same folder. Without it these data will be refused {hours} h after their drop."
    }
    PdfDataWrong "FG-214" Supplier Never {
        "Données de PDF inutilisables (erreurs : {count}) ; la première : {first}"
        "Corrigez chaque erreur de la liste (modèle : config/schema/pdf-sidecar.schema.json) et déposez le fichier de données de nouveau."
        "Data of a PDF of no use (errors: {count}); the first: {first}"
        "Correct each error of the list (model: config/schema/pdf-sidecar.schema.json) and drop the data file again."
    }
    PdfDataUnmatched "FG-215" Establishment Never {
        "Données de facture sans leur PDF : {why}"
        "Déposez de nouveau le PDF et ses données, NOM.pdf et NOM.pdf.json, dans le même dossier ou dans une même archive."
        "Data of an invoice without their PDF: {why}"
        "Drop the PDF and its data again, NAME.pdf and NAME.pdf.json, into the same folder or in one archive."
    }
    SyntaxNotForContent "FG-216" Establishment Never {
        "La syntaxe {wish} demandée par la route ne convient pas à ce fichier : il est annoncé en {syntax}"
        "Rien à faire pour ce fichier : il suit son cours. Corrigez la clé syntax de la route, ou déposez ces fichiers dans un autre dossier."
        "The syntax {wish} that the route wishes for does not fit this file: it is announced as {syntax}"
        "Nothing to do for this file: it goes its way. Correct the route's key syntax, or drop such files into another folder."
    }
    PivotConverted "FG-217" Establishment Never {
        "Pivot converti en {syntax} avant l'envoi ; éléments non repris : {lost}"
        "Rien à faire si ces éléments ne comptent pas. Sinon, faites produire la facture en UBL, CII ou Factur-X par l'application d'origine."
        "Pivot converted to {syntax} before it is sent; not carried: {lost}"
        "Nothing to do if these elements do not matter. Otherwise have the application of origin make the invoice as UBL, CII or Factur-X."
    }
    PivotIncomplete "FG-218" Supplier Never {
        "Pivot impossible à convertir en UBL : il y manque {missing}"
        "Chorus Pro ne prend pas de pivot en dépôt. Déposez plutôt la facture en PDF (celle que le pivot joint, par exemple) avec ses données dans « facture.pdf.json », où un motif d'exonération a sa place ; ou complétez le pivot, ou faites produire la facture en UBL, CII ou Factur-X (CPP_FACTURE_MIN n'est pas produit ici : son schéma n'est pas public)."
        "This pivot cannot be converted to UBL: it lacks {missing}"
        "Chorus Pro takes no pivot as a deposit. Drop the invoice as a PDF instead (the one that the pivot attaches, say) with its data in \"facture.pdf.json\", where a reason for an exemption has its place; or complete the pivot, or have the invoice made as UBL, CII or Factur-X (CPP_FACTURE_MIN is not made here: its schema is not public)."
    }
    PivotNotRead "FG-219" Supplier Never {
        "Pivot illisible : {detail}"
        "Faites corriger l'application qui écrit le pivot, puis déposez-le de nouveau."
        "Unreadable pivot: {detail}"
        "Have the application that writes the pivot corrected, then drop it again."
    }
    DataAwaitNewerPdf "FG-220" Establishment Later {
        "Données de facture reçues : leur PDF « {pdf} » est attendu, car celui du flux {older}, de même nom, est arrivé plus de {hours} h avant elles"
        "Rien à faire si le bon PDF suit dans le même dossier. Si c'est l'ancien PDF qui est visé, déposez de nouveau ces données en y ajoutant son \"sha256\", ou saisissez-les sur la page du flux {older}. Sans PDF, elles seront refusées {hours} h après leur dépôt."
        "Data of an invoice received: their PDF \"{pdf}\" is awaited, since that of flow {older}, of the same name, came more than {hours} h before them"
        "Nothing to do if the right PDF follows into the same folder. If the older PDF is meant, drop these data again with its \"sha256\" added, or enter them on the page of flow {older}. Without a PDF they will be refused {hours} h after their drop."
    }
    DataOverdue "FG-221" Establishment AfterAction {
        "PDF sans facture électronique à l'intérieur : ses données ne sont pas venues en {hours} h"
        "Saisissez-les sur la page du flux, ou déposez-les dans le même dossier en y ajoutant \"sha256\": \"{sha256}\" : passé ce délai, le nom seul ne suffit plus. Sinon, abandonnez le flux et déposez un Factur-X, un UBL ou un CII."
        "PDF without an electronic invoice inside: its data have not come within {hours} h"
        "Enter them on the flow's page, or drop them into the same folder with \"sha256\": \"{sha256}\" added: after this time the name alone does not do. Otherwise abandon the flow and drop a Factur-X, a UBL or a CII."
    }
    StatusLineWrong "FG-222" Establishment Never {
        "Demande de statut inutilisable : {why}"
        "Corrigez cette demande et déposez-la seule de nouveau : les autres suivent leur cours."
        "Unusable request for a status: {why}"
        "Correct this request and drop it again by itself: the others go their way."
    }
    PdfWithSeveralInvoices "FG-223" Supplier Never {
        "PDF avec plusieurs factures à l'intérieur : {files}"
        "Rien n'est choisi à votre place. Laissez dans le PDF une seule facture, sous le nom factur-x.xml, et déposez chaque autre facture à part."
        "PDF with several invoices inside: {files}"
        "None is chosen for you. Leave one invoice in the PDF, named factur-x.xml, and drop each other invoice by itself."
    }
    PivotRead "FG-226" Establishment Never {
        "Pivot converti ; ce qu'il ne dit pas, ou dit d'une façon inconnue ici, a été lu ainsi : {readings}"
        "Rien à faire si cette lecture est juste. Sinon, faites produire la facture en UBL, CII ou Factur-X par l'application d'origine, ou déposez-la en PDF avec ses données."
        "Pivot converted; what it does not say, or says in a way unknown here, was read so: {readings}"
        "Nothing to do if this reading is right. Otherwise have the application of origin make the invoice as UBL, CII or Factur-X, or drop it as a PDF with its data."
    }
    ConversionLossy "FG-227" Supplier Never {
        "La conversion perdrait des données ({count}) ; la première : {first}"
        "Rien n'a été écrit. Si ces données peuvent manquer, ajoutez --lossy ; sinon, choisissez un format qui les porte."
        "The conversion would lose data ({count}); the first: {first}"
        "Nothing was written. If these data may be missing, add --lossy; otherwise choose a form that carries them."
    }
    ConversionImpossible "FG-228" Supplier Never {
        "Conversion impossible : {why}"
        "Rien n'a été écrit. Complétez la facture dans l'application qui la produit, ou choisissez un autre format."
        "Conversion not possible: {why}"
        "Nothing was written. Complete the invoice in the application that makes it, or choose another form."
    }
    ImageImpossible "FG-229" Establishment Never {
        "Image lisible impossible : {why}"
        "Rien n'a été écrit pour cette facture. Lisez l'original, qui seul fait foi, ou demandez au fournisseur sa facture en UBL, CII ou Factur-X."
        "Readable image not possible: {why}"
        "Nothing was written for this invoice. Read the original, which alone is proof, or ask the supplier for the invoice as UBL, CII or Factur-X."
    }
    PagesUnfit "FG-240" Establishment Never {
        "Le PDF donné (--pdf) ne peut pas porter la facture : {why}"
        "Rien n'a été écrit. Donnez un PDF/A-3 ni chiffré ni signé, sans facture jointe (dans LibreOffice : Exporter au format PDF, Archive PDF/A-3b), ou ôtez --pdf : l'image lisible de la facture sert alors de pages."
        "The given PDF (--pdf) cannot carry the invoice: {why}"
        "Nothing was written. Give a PDF/A-3 neither encrypted nor signed, without an attached invoice (in LibreOffice: Export as PDF, Archival PDF/A-3b), or leave out --pdf: the pages are then the readable image of the invoice."
    }
    ConversionNeedless "FG-241" Supplier Never {
        "Rien à convertir : le fichier est déjà en {form}"
        "Rien n'a été écrit. Utilisez ce fichier tel quel, ou choisissez un autre format après --to."
        "Nothing to convert: the file is {form} already"
        "Nothing was written. Use this file as it is, or choose another form after --to."
    }
    ClientRefused "FG-301" Establishment AfterAction {
        "PISTE refuse l'identifiant ou le secret de l'application ({environment})"
        "Vérifiez client_id et le secret : ils viennent du panneau « OAuth Credentials » de PISTE, pas de « API Keys », et du bon environnement. Les dépôts reprennent d'eux-mêmes."
        "PISTE refuses the application's id or secret ({environment})"
        "Check client_id and its secret: they come from PISTE's panel \"OAuth Credentials\", not \"API Keys\", and from the right environment. Deposits resume by themselves."
    }
    TokenUnreadable "FG-302" Chorus Later {
        "PISTE a répondu sans jeton utilisable ({environment})"
        "Rien à faire : nouvel essai automatique. Si cela dure, demandez à l'assistance de PISTE (piste.gouv.fr) si le service est en panne."
        "PISTE answered without a usable token ({environment})"
        "Nothing to do: tried again by itself. If it lasts, ask PISTE's support (piste.gouv.fr) whether the service is down."
    }
    AccessForbidden "FG-303" Establishment AfterAction {
        "Chorus Pro interdit l'appel {service} (403)"
        "Sur PISTE : souscrivez l'API et acceptez ses CGU. Dans Chorus Pro, « Raccordement EDI et API » : déclarez le nom de l'application. Les dépôts reprennent d'eux-mêmes."
        "Chorus Pro forbids the call {service} (403)"
        "On PISTE: subscribe to the API and accept its terms. In Chorus Pro, \"Raccordement EDI et API\": declare the application's name. Deposits resume by themselves."
    }
    AccountRefused "FG-304" Establishment AfterAction {
        "Chorus Pro refuse le compte technique {login} (401)"
        "Vérifiez le nom et le mot de passe du compte technique ; il expire 424 jours après sa création et le gestionnaire principal le renouvelle. Les dépôts reprennent d'eux-mêmes."
        "Chorus Pro refuses the technical account {login} (401)"
        "Check the technical account's name and password; it expires 424 days after its creation and the principal manager renews it. Deposits resume by themselves."
    }
    Throttled "FG-305" Chorus Later {
        "Chorus Pro demande de ralentir (429)"
        "Rien à faire : les appels reprennent d'eux-mêmes plus lentement."
        "Chorus Pro asks to slow down (429)"
        "Nothing to do: calls resume by themselves, slower."
    }
    ChorusFailing "FG-306" Chorus Later {
        "Chorus Pro répond par une erreur (détail technique : {detail})"
        "Rien à faire : nouvel essai automatique. Si cela dure, demandez à l'assistance de Chorus Pro si le service est en panne."
        "Chorus Pro answers with an error (technical detail: {detail})"
        "Nothing to do: tried again by itself. If it lasts, ask Chorus Pro's support whether the service is down."
    }
    Unreachable "FG-307" Network Later {
        "Chorus Pro ne peut pas être joint (détail technique : {detail})"
        "Vérifiez le réseau, le DNS et le pare-feu vers {host} (port 443) ; nouvel essai automatique."
        "Chorus Pro cannot be reached (technical detail: {detail})"
        "Check network, DNS and firewall towards {host} (port 443); tried again by itself."
    }
    TlsFailed "FG-308" Network AfterAction {
        "Connexion chiffrée (TLS) impossible avec {host} (détail technique : {detail})"
        "Vérifiez l'heure de la machine, puis le proxy de l'établissement : s'il inspecte le TLS, son autorité de certification doit être dans ca_file de [chorus.api]. Les dépôts reprennent d'eux-mêmes."
        "No encrypted connection (TLS) with {host} (technical detail: {detail})"
        "Check the machine's clock, then the establishment's proxy: if it inspects TLS, its certificate authority must be in ca_file of [chorus.api]. Deposits resume by themselves."
    }
    AnswerUnreadable "FG-309" Chorus Later {
        "Réponse incompréhensible de Chorus Pro à l'appel {service} (détail technique : {detail})"
        "Rien à faire : nouvel essai automatique ; un dépôt est d'abord recherché chez Chorus Pro, jamais renvoyé à l'aveugle. Si cela dure, signalez-le à l'éditeur avec ce détail."
        "Chorus Pro's answer to the call {service} makes no sense (technical detail: {detail})"
        "Nothing to do: tried again by itself; a deposit is looked up at Chorus Pro first, never sent again blindly. If it lasts, tell the publisher, with this detail."
    }
    CallRefused "FG-310" Establishment AfterAction {
        "Chorus Pro refuse l'appel {service} : {code} « {label} »"
        "Corrigez ce que nomme le libellé (le plus souvent un droit qui manque au compte technique) ; sinon, donnez l'appel, le code et le libellé à l'assistance de Chorus Pro."
        "Chorus Pro refuses the call {service}: {code} \"{label}\""
        "Correct what the label names (most often a right that the technical account lacks); otherwise give call, code and label to Chorus Pro's support."
    }
    NotConnected "FG-311" Establishment AfterAction {
        "L'établissement {establishment} n'est pas raccordé à l'environnement {environment}"
        "Remplissez [chorus.api] et les secrets de cet environnement sur la page de configuration."
        "Establishment {establishment} is not connected to environment {environment}"
        "Fill in [chorus.api] and this environment's secrets on the configuration page."
    }
    ServiceMissing "FG-312" Establishment AfterAction {
        "Chorus Pro ne connaît pas l'appel {service} (HTTP {status}, {environment})"
        "Vérifiez base_url dans [chorus.api] : adresse et chemin de cet environnement. Les dépôts reprennent d'eux-mêmes."
        "Chorus Pro does not know the call {service} (HTTP {status}, {environment})"
        "Check base_url in [chorus.api]: this environment's address and path. Deposits resume by themselves."
    }
    AuthorityUnusable "FG-313" Establishment AfterAction {
        "Autorité de confiance inutilisable pour l'environnement {environment} (détail technique : {detail})"
        "Mettez l'autorité (PEM) dans ce fichier, ou corrigez ca_file de [chorus.api.{environment}], ou retirez cette clé si aucun proxy n'inspecte TLS. Les dépôts reprennent d'eux-mêmes."
        "Trusted authority of no use for environment {environment} (technical detail: {detail})"
        "Put the authority (PEM) into this file, or correct ca_file in [chorus.api.{environment}], or remove that key if no proxy inspects TLS. Deposits resume by themselves."
    }
    ProxyUnreachable "FG-314" Network Later {
        "Le proxy {proxy} ne répond pas (détail technique : {detail})"
        "Vérifiez url dans [proxy], puis le DNS, le réseau et le pare-feu entre cette machine et le proxy ; nouvel essai automatique."
        "The proxy {proxy} does not answer (technical detail: {detail})"
        "Check url in [proxy], then DNS, network and firewall between this machine and the proxy; tried again by itself."
    }
    ProxyLogin "FG-315" Establishment AfterAction {
        "Le proxy {proxy} demande une identification qu'il accepte (détail technique : {detail})"
        "Donnez dans [proxy] le compte (login) et son mot de passe (password_file) que l'exploitant du proxy a ouverts à cette machine, en authentification Basic. Les dépôts reprennent d'eux-mêmes."
        "The proxy {proxy} wants a log-in that it accepts (technical detail: {detail})"
        "Give in [proxy] the account (login) and its password (password_file) that the proxy's operator opened for this machine, with Basic authentication. Deposits resume by themselves."
    }
    ProxyRefusal "FG-316" Establishment Later {
        "Le proxy {proxy} n'ouvre pas la connexion vers {host} (détail technique : {detail})"
        "Demandez à l'exploitant du proxy d'autoriser CONNECT vers {host}, port 443 ; nouvel essai automatique. « fluxgate doctor » montre ce que le proxy répond."
        "The proxy {proxy} does not open the connection to {host} (technical detail: {detail})"
        "Ask the proxy's operator to allow CONNECT to {host}, port 443; tried again by itself. \"fluxgate doctor\" shows what the proxy answers."
    }
    DirectoryUnreadable "FG-317" Chorus Later {
        "L'annuaire de Chorus Pro ne se lit pas ({environment}) (détail technique : {detail})"
        "Rien à faire : nouvel essai automatique, et l'annuaire précédent reste en usage. Si cela dure, signalez-le à l'éditeur avec ce détail."
        "Chorus Pro's directory cannot be read ({environment}) (technical detail: {detail})"
        "Nothing to do: tried again by itself, and the former directory stays in use. If it lasts, tell the publisher, with this detail."
    }
    DirectoryShrunk "FG-318" Establishment AfterAction {
        "L'annuaire de Chorus Pro a perdu plus de la moitié de ses structures ({environment} : {now}, contre {before} avant)"
        "Les structures d'avant sont gardées. Si ce nouvel annuaire est le bon, demandez « Actualiser maintenant » sur la page Annuaire : il est alors pris tel quel."
        "Chorus Pro's directory has lost more than half of its structures ({environment}: {now}, {before} before)"
        "The former structures are kept. If this new directory is the right one, ask for \"Refresh now\" on the directory's page: it is then taken as it is."
    }
    WaitsForChorus "FG-319" Network Later {
        "En attente de Chorus Pro, qui ne répond pas depuis le {since}"
        "Rien à faire : rien n'est perdu ni envoyé deux fois. Prochain essai vers le {next}, puis de plus en plus espacés, toutes les 15 minutes au moins. Si cela dure, la cause est dite ici."
        "Waits for Chorus Pro, which has not answered since {since}"
        "Nothing to do: nothing is lost or sent twice. Next try about {next}, then further and further apart, every 15 minutes at least. If it lasts, the cause is told here."
    }
    DepositRefused "FG-401" Supplier Never {
        "Chorus Pro refuse le dépôt : {code} « {label} »"
        "Corrigez la facture selon le libellé et déposez la version corrigée."
        "Chorus Pro refuses the deposit: {code} \"{label}\""
        "Correct the invoice as the label says and drop the corrected version."
    }
    FluxRejected "FG-402" Supplier Never {
        "Chorus Pro a rejeté le flux {deposit} : « {label} »"
        "Rien n'a été intégré. Corrigez la facture selon le libellé et déposez-la de nouveau, avec un nouveau numéro si le libellé le demande."
        "Chorus Pro rejected flux {deposit}: \"{label}\""
        "Nothing was integrated. Correct the invoice as the label says and drop it again, with a new number if the label asks for one."
    }
    PartlyIntegrated "FG-403" Supplier Never {
        "Chorus Pro n'a intégré qu'une partie du flux {deposit} : « {label} »"
        "Corrigez les factures refusées et déposez-les de nouveau, elles seules : les autres sont prises, sauf celles que suit FG-452."
        "Chorus Pro integrated only part of flux {deposit}: \"{label}\""
        "Correct the refused invoices and drop them again, those only: the others are taken, but for those that FG-452 follows."
    }
    FluxIncident "FG-404" Chorus Later {
        "Incident chez Chorus Pro sur le flux {deposit}"
        "Rien à faire : le flux entier est déposé de nouveau automatiquement."
        "Incident at Chorus Pro with flux {deposit}"
        "Nothing to do: the whole flux is deposited again by itself."
    }
    AnswerLost "FG-405" Network Later {
        "Réponse de Chorus Pro perdue après l'envoi (détail technique : {detail})"
        "Rien à faire : la facture est recherchée chez Chorus Pro avant tout nouvel envoi."
        "Chorus Pro's answer was lost after sending (technical detail: {detail})"
        "Nothing to do: the invoice is looked up at Chorus Pro before anything is sent again."
    }
    DoubtNeedsPerson "FG-406" Establishment AfterAction {
        "Impossible de savoir si Chorus Pro a pris la facture {number}"
        "Cherchez la facture sur le portail Chorus Pro, puis choisissez sur la page du flux : « Elle y est », « La renvoyer » ou « Abandonner »."
        "Impossible to know whether Chorus Pro took invoice {number}"
        "Look for the invoice on Chorus Pro's portal, then choose on the flow's page: \"It is there\", \"Send again\" or \"Abandon\"."
    }
    IntegrationLate "FG-407" Chorus Later {
        "Toujours pas de verdict de Chorus Pro sur le flux {deposit} après {hours} h"
        "Rien à faire : le suivi continue. Au-delà d'un jour ouvré, donnez le numéro de flux à l'assistance de Chorus Pro."
        "Still no verdict of Chorus Pro on flux {deposit} after {hours} h"
        "Nothing to do: it is still followed. After a working day, give the flux number to Chorus Pro's support."
    }
    UnknownFluxState "FG-408" Chorus Later {
        "État de flux inconnu chez Chorus Pro : « {state} » (flux {deposit})"
        "Le suivi continue ; un état inconnu n'est jamais pris pour un succès. Signalez-le à l'éditeur."
        "Unknown flux state at Chorus Pro: \"{state}\" (flux {deposit})"
        "It is still followed; an unknown state is never taken for success. Tell the publisher of it."
    }
    InvoiceRejected "FG-409" Supplier Never {
        "Le destinataire a rejeté la facture {number} : « {comment} »"
        "Annulez cette facture par un avoir dans votre comptabilité, sans le déposer, puis déposez une facture corrigée avec un nouveau numéro."
        "The recipient rejected invoice {number}: \"{comment}\""
        "Cancel this invoice by a credit note in your own accounts, without dropping it, then drop a corrected invoice with a new number."
    }
    UnknownInvoiceStatus "FG-410" Chorus Later {
        "Statut de facture inconnu chez Chorus Pro : « {status} » (facture {number})"
        "Le suivi continue. Lisez ce statut sur le portail Chorus Pro et signalez-le à l'éditeur."
        "Unknown invoice status at Chorus Pro: \"{status}\" (invoice {number})"
        "It is still followed. Read this status on Chorus Pro's portal and tell the publisher of it."
    }
    Abandoned "FG-411" Establishment Never {
        "Flux abandonné par {who}"
        "Rien à faire. Si la somme est encore due, déposez une nouvelle facture."
        "Flow abandoned by {who}"
        "Nothing to do. If the money is still due, drop a new invoice."
    }
    NotFoundAfterIntegration "FG-412" Chorus Later {
        "Facture {number} intégrée, mais Chorus Pro n'en montre pas l'état"
        "Rien à faire : elle est redemandée d'elle-même. Au-delà d'un jour, cherchez la facture sur le portail Chorus Pro."
        "Invoice {number} is integrated, but Chorus Pro does not show where it stands"
        "Nothing to do: it is asked for again by itself. After a day, look for the invoice on Chorus Pro's portal."
    }
    PartsNotTaken "FG-413" Supplier Never {
        "Une partie du fichier n'a pas été prise : {missing} sur {total}"
        "Corrigez seulement ce que l'accusé montre comme refusé ou rejeté, puis déposez-le de nouveau."
        "Part of the file was not taken: {missing} of {total}"
        "Correct only what the receipt shows as refused or rejected, then drop that again."
    }
    ChangeLost "FG-414" Network Later {
        "Réponse de Chorus Pro perdue après l'envoi d'un statut (détail technique : {detail})"
        "Rien à faire : la facture est relue chez Chorus Pro avant tout nouvel envoi."
        "Chorus Pro's answer was lost after a status was sent (technical detail: {detail})"
        "Nothing to do: the invoice is read again at Chorus Pro before anything is sent again."
    }
    ChangeRefused "FG-415" Establishment Never {
        "Chorus Pro refuse le statut {status} pour la facture {number} : {code} « {label} »"
        "Lisez le libellé et l'état actuel de la facture, puis demandez un statut permis."
        "Chorus Pro refuses status {status} for invoice {number}: {code} \"{label}\""
        "Read the label and the invoice's present status, then ask for one that is allowed."
    }
    ChangeNotAllowed "FG-416" Establishment Never {
        "Le statut {status} ne peut pas être donné à la facture {number}, qui est {current} (permis : {allowed})"
        "Demandez un des statuts permis, ou attendez que la facture change d'état chez Chorus Pro."
        "Status {status} can't be given to invoice {number}, which is {current} (allowed: {allowed})"
        "Ask for one of the allowed statuses, or wait until the invoice's status changes at Chorus Pro."
    }
    ChangeIncomplete "FG-417" Establishment Never {
        "Le statut {status} demande {missing} (facture {number})"
        "Complétez la demande et déposez-la de nouveau."
        "Status {status} needs {missing} (invoice {number})"
        "Complete the request and drop it again."
    }
    RecyclingEnded "FG-418" Establishment Never {
        "Le recyclage des factures a pris fin : le statut A_RECYCLER n'est plus transmis (facture {number})"
        "Rejetez la facture avec un motif (REJETEE) : le fournisseur l'annule par un avoir interne, qu'il n'envoie pas, et en émet une nouvelle, avec un nouveau numéro. La date de fin est chorus.recycling_until."
        "Recycling of invoices has ended: status A_RECYCLER is no longer passed on (invoice {number})"
        "Reject the invoice with a motif (REJETEE): the supplier cancels it by an internal credit note, which is not sent, and issues a new one, with a new number. The end is chorus.recycling_until."
    }
    InvoiceNotReceived "FG-419" Establishment Never {
        "Facture inconnue : {number} n'est pas une facture reçue par cet établissement"
        "Vérifiez le numéro, le fournisseur ou l'identifiant Chorus Pro de la facture (facture.json), puis déposez la demande de nouveau."
        "Unknown invoice: {number} is no invoice that this establishment has received"
        "Check the invoice's number, supplier or Chorus Pro id (facture.json), then drop the request again."
    }
    InvoiceAmbiguous "FG-420" Establishment Never {
        "Facture ambiguë : plusieurs factures reçues portent le numéro {number}"
        "Ajoutez le fournisseur ou l'identifiant Chorus Pro (facture.json) à la demande et déposez-la de nouveau."
        "Ambiguous invoice: several received invoices have the number {number}"
        "Add the supplier or the Chorus Pro id (facture.json) to the request and drop it again."
    }
    InvoiceSuspended "FG-421" Establishment AfterAction {
        "Le destinataire a suspendu la facture {number} : « {comment} »"
        "Le délai de paiement est arrêté. Complétez la facture avec la pièce ou la précision demandée : sur la page de ce flux, ou en déposant une archive avec complement.json. Le suivi continue et ce message s'efface ensuite."
        "The recipient suspended invoice {number}: \"{comment}\""
        "The time to pay has stopped. Complete the invoice with the document or the word asked for: on this flow's page, or by dropping an archive with complement.json. It is still followed and this message goes then."
    }
    ComplementWrong "FG-425" Establishment Never {
        "Complément inutilisable : {detail}"
        "Corrigez complement.json ou les pièces de l'archive, puis déposez-la de nouveau : rien n'a été transmis."
        "Unusable complement: {detail}"
        "Correct complement.json or the archive's pieces, then drop it again: nothing was passed on."
    }
    InvoiceNotSent "FG-426" Establishment Never {
        "Facture {number} : aucune facture envoyée d'ici ne porte ce numéro et un identifiant Chorus Pro connu"
        "Vérifiez le numéro ou l'identifiant Chorus Pro (accusé de la facture) et attendez qu'elle soit intégrée, puis déposez le complément de nouveau."
        "Invoice {number}: no invoice sent from here has this number and a known Chorus Pro id"
        "Check the number or the Chorus Pro id (the invoice's receipt), wait until it is integrated, then drop the complement again."
    }
    NotSuspended "FG-427" Establishment Never {
        "Facture {number} non suspendue : elle est au statut {current}, et seule une facture suspendue peut être complétée"
        "Rien n'a été transmis. Si le destinataire attend un document, demandez-lui de suspendre la facture, puis donnez le complément de nouveau."
        "Invoice {number} is not suspended: its status is {current}, and only a suspended invoice can be completed"
        "Nothing was passed on. If the recipient waits for a document, ask for the invoice to be suspended, then give the complement again."
    }
    PieceRefused "FG-428" Establishment Never {
        "Chorus Pro refuse le complément de la facture {number} ({what}) : {code} « {label} »"
        "La facture reste suspendue. Corrigez ce que dit Chorus Pro, puis donnez le complément de nouveau."
        "Chorus Pro refuses the complement of invoice {number} ({what}): {code} \"{label}\""
        "The invoice stays suspended. Correct what Chorus Pro says, then give the complement again."
    }
    SupplierNotAtChorus "FG-429" Establishment Never {
        "Chorus Pro ne connaît pas le fournisseur {siret}"
        "Vérifiez le SIRET du fournisseur dans les données et que sa structure est active dans Chorus Pro, puis déposez le PDF et ses données de nouveau."
        "Chorus Pro does not know supplier {siret}"
        "Check the supplier's SIRET in the data, and that its structure is active in Chorus Pro; then drop the PDF and its data again."
    }
    SupplierServiceNotAtChorus "FG-430" Establishment Never {
        "Chorus Pro ne connaît pas le service {service} du fournisseur {siret}"
        "Vérifiez le code du service dans les données, ou retirez-le si le fournisseur n'a pas de service, puis déposez le PDF et ses données de nouveau."
        "Chorus Pro does not know service {service} of supplier {siret}"
        "Check the service's code in the data, or leave it out if the supplier has no services; then drop the PDF and its data again."
    }
    DuplicateElsewhere "FG-431" Supplier Never {
        "Doublon chez Chorus Pro : une facture {number} de ce fournisseur y est déjà. La nôtre : {ours}. Celle de Chorus Pro : {theirs}. Motif du rejet : « {label} »"
        "Comparez les deux. Si c'est la même facture, rien à faire : elle est prise. Sinon, donnez un autre numéro à celle-ci dans l'application d'origine et déposez-la de nouveau."
        "Duplicate at Chorus Pro: an invoice {number} of this supplier is already there. Ours: {ours}. Chorus Pro's: {theirs}. Reason of the rejection: \"{label}\""
        "Compare the two. Nothing to do if it is the same invoice: it is taken. Otherwise give this one another number in the application of origin and drop it again."
    }
    DoubtOverdue "FG-432" Establishment AfterAction {
        "Après {hours} h, toujours aucune certitude que Chorus Pro ait pris la facture {number}"
        "La page du flux montre côte à côte ce qui a été envoyé et ce que montre Chorus Pro. Choisissez : « Elle y est », « La renvoyer » ou « Abandonner ». La recherche continue entre-temps."
        "After {hours} h it is still uncertain whether Chorus Pro took invoice {number}"
        "The flow's page shows side by side what was sent and what Chorus Pro shows. Choose: \"It is there\", \"Send again\" or \"Abandon\". The search goes on meanwhile."
    }
    RefusedInDoubt "FG-433" Chorus Later {
        "Chorus Pro refuse un nouvel essai de la facture {number} : {code} « {label} ». Un essai précédent a pu être pris"
        "Ne déposez pas de nouveau la facture pour l'instant : elle pourrait être prise deux fois. Elle est recherchée chez Chorus Pro, au moins jusqu'au {until} ; si elle n'y est pas, le refus devient définitif et la version corrigée peut être déposée."
        "Chorus Pro refuses another try of invoice {number}: {code} \"{label}\". An earlier try may have been taken"
        "Do not drop the invoice again yet: it might be taken twice. It is looked up at Chorus Pro, at least until {until}; if it is not there, the refusal becomes final and the corrected version can be dropped."
    }
    RefusedNeedsPerson "FG-434" Establishment AfterAction {
        "Chorus Pro refuse un nouvel essai de la facture {number} : {code} « {label} », et rien ne dit si un essai précédent a été pris"
        "Ne déposez pas de nouveau la facture : cherchez-la d'abord sur le portail Chorus Pro. Si elle y est, choisissez sur la page du flux « Elle y est ». Sinon, choisissez « Abandonner », corrigez-la selon le libellé et déposez la version corrigée."
        "Chorus Pro refuses another try of invoice {number}: {code} \"{label}\", and nothing tells whether an earlier try was taken"
        "Do not drop the invoice again: look for it on Chorus Pro's portal first. If it is there, choose \"It is there\" on the flow's page. Otherwise choose \"Abandon\", correct it as the label says and drop the corrected version."
    }
    RejectionNotLookedUp "FG-435" Establishment AfterAction {
        "Chorus Pro rejette le flux {deposit} (« {label} ») et un essai précédent n'a pas pu y être cherché (détail technique : {detail})"
        "Ne déposez pas de nouveau la facture : un essai précédent a pu être pris. Vérifiez les droits du compte technique ; la recherche est redemandée d'elle-même. Si cela dure, cherchez la facture sur le portail Chorus Pro et choisissez sur la page du flux « Elle y est » ou « Le rejet est définitif ». Ce choix n'est proposé que pour une seule facture ; pour plusieurs, attendez que la recherche réponde ou demandez à l'assistance de Chorus Pro."
        "Chorus Pro rejects flux {deposit} (\"{label}\") and an earlier try could not be looked up there (technical detail: {detail})"
        "Do not drop the invoice again: an earlier try may have been taken. Check the technical account's rights; the search is asked for again by itself. If it lasts, look for the invoice on Chorus Pro's portal and choose \"It is there\" or \"The rejection is final\" on the flow's page. That choice is offered for one invoice only; for several, wait until the search answers or ask Chorus Pro's support."
    }
    RejectionNotFinal "FG-436" Chorus Later {
        "Chorus Pro rejette le flux {deposit} : « {label} ». Ce rejet n'est pas encore définitif"
        "Ne déposez pas de nouveau la facture pour l'instant : Chorus Pro l'a peut-être déjà, par un essai précédent. Elle y est recherchée jusqu'au {until} ; si elle n'y paraît pas, le rejet devient définitif."
        "Chorus Pro rejects flux {deposit}: \"{label}\". This rejection is not final yet"
        "Do not drop the invoice again yet: Chorus Pro may have it already, by an earlier try. It is looked up there until {until}; if it does not show, the rejection becomes final."
    }
    OnlyToValidate "FG-437" Establishment Never {
        "Le statut {status} ne peut pas être donné à la facture {number} : l'établissement en est le valideur, pas le destinataire"
        "Rien n'a été transmis. Cette facture est à valider et n'est pas à payer ici : donnez VALIDER, ou REFUSER avec un motif."
        "Status {status} can't be given to invoice {number}: the establishment is its validator, not its recipient"
        "Nothing was passed on. This invoice is to be validated and not to be paid here: give VALIDER, or REFUSER with a motif."
    }
    NotToValidate "FG-438" Establishment Never {
        "Le statut {status} ne peut pas être donné à la facture {number} : l'établissement en est le destinataire, pas le valideur"
        "Rien n'a été transmis. VALIDER et REFUSER sont pour les factures à valider (« role » : « validator » dans facture.json). Donnez un statut de destinataire, par exemple SERVICE_FAIT, ou REJETEE avec un motif."
        "Status {status} can't be given to invoice {number}: the establishment is its recipient, not its validator"
        "Nothing was passed on. VALIDER and REFUSER are for invoices to validate (\"role\": \"validator\" in facture.json). Give a recipient's status, such as SERVICE_FAIT, or REJETEE with a motif."
    }
    NotAwaitingValidation "FG-439" Establishment Never {
        "La facture {number} n'attend pas cette validation : elle est au statut {current}"
        "Rien n'a été transmis : la décision a été prise ailleurs (portail, autre valideur) ou le délai est passé. Lisez les statuts de la facture ; si elle doit encore être arrêtée, écrivez au fournisseur ou à son destinataire."
        "Invoice {number} does not wait for this validation: its status is {current}"
        "Nothing was passed on: it was decided elsewhere (the portal, another validator), or too late. Read the invoice's statuses; if it must still be stopped, write to the supplier or its recipient."
    }
    RefusedByValidator "FG-440" Supplier Never {
        "Le valideur (titulaire ou cotraitant) a refusé la facture {number} : « {comment} »"
        "Le destinataire ne la recevra pas. Annulez cette facture par un avoir dans votre comptabilité, sans le déposer, puis déposez une facture corrigée avec un nouveau numéro."
        "The validator (holder of the contract or co-contractor) refused invoice {number}: \"{comment}\""
        "Its recipient will not get it. Cancel this invoice by a credit note in your own accounts, without dropping it, then drop a corrected invoice with a new number."
    }
    WrongValidator "FG-441" Establishment AfterAction {
        "Facture {number} arrêtée : elle nomme un valideur qui n'est pas le bon (« {comment} »)"
        "Nommez le bon valideur sur la page du flux (« Nommer un autre valideur »), ou sur le portail Chorus Pro : la facture repart sans nouveau dépôt, et ce message s'efface. Si l'erreur est celle d'un cotraitant (statut ERREUR_COTRAITANT_SUR_VALIDEUR), demandez-lui de nommer le bon valideur sur le portail."
        "Invoice {number} is stopped: it names a validator who is not the right one (\"{comment}\")"
        "Name the right validator on the flow's page (\"Name another validator\"), or on Chorus Pro's portal: the invoice goes on without being dropped again, and this message goes. If it is a co-contractor's error (status ERREUR_COTRAITANT_SUR_VALIDEUR), ask the co-contractor to name the right validator on the portal."
    }
    AbandonedInDoubt "FG-442" Establishment Never {
        "Flux abandonné par {who} ; Chorus Pro a peut-être la facture malgré tout"
        "Ne déposez rien avant d'avoir cherché la facture sur le portail Chorus Pro. Si elle y est, elle suit son cours là-bas : n'en déposez pas d'autre. Si elle n'y est pas et que la somme est encore due, déposez une nouvelle facture."
        "Flow abandoned by {who}; Chorus Pro may have the invoice all the same"
        "Drop nothing before you have looked for the invoice on Chorus Pro's portal. If it is there, it goes its way there: do not drop another. If it is not there and the money is still due, drop a new invoice."
    }
    ToValidateRefused "FG-443" Establishment AfterAction {
        "Chorus Pro refuse la liste des factures à valider par {establishment} ({environment}) (détail technique : {detail})"
        "Les factures reçues n'en souffrent pas. Si l'établissement valide des factures de sous-traitance ou de cotraitance, donnez à son compte technique l'espace « Factures à valider » sur le portail Chorus Pro ; sinon, retirez « to_validate = true » de sa [[route]]."
        "Chorus Pro refuses the list of invoices that {establishment} must validate ({environment}) (technical detail: {detail})"
        "Received invoices do not suffer. If the establishment validates sub- or co-contractors' invoices, give its technical account the space \"Factures à valider\" on Chorus Pro's portal; else take \"to_validate = true\" from its [[route]]."
    }
    ToValidateStale "FG-444" Network Later {
        "Les factures à valider par {establishment} n'ont pas pu être lues en entier depuis {span} ({environment})"
        "Les essais continuent et les factures reçues n'en souffrent pas. Si cela dure, regardez sur le portail Chorus Pro ce qui attend une validation, puis demandez à l'assistance de Chorus Pro si le service est en panne."
        "Invoices that {establishment} must validate could not be read throughout for {span} ({environment})"
        "It is still tried and received invoices do not suffer. If it lasts, look on Chorus Pro's portal for what waits to be validated, then ask Chorus Pro's support whether the service is down."
    }
    FluxUnknown "FG-447" Chorus Later {
        "Chorus Pro dit ne pas connaître le flux {deposit}, auquel il a donné ce numéro : « {label} »"
        "Rien à faire pour l'instant : la question est reposée jusqu'au {until}. Ne déposez pas de nouveau les factures : Chorus Pro peut les avoir. Vérifiez que base_url et le compte technique n'ont pas changé depuis le dépôt."
        "Chorus Pro says that it does not know flux {deposit}, which it gave this number: \"{label}\""
        "Nothing to do yet: it is asked again until {until}. Do not drop the invoices again: Chorus Pro may have them. Check that base_url and the technical account are those of the deposit."
    }
    FluxUnknownDecide "FG-448" Establishment AfterAction {
        "Chorus Pro ne connaît toujours pas le flux {deposit}, {hours} h après lui avoir donné ce numéro (facture {number})"
        "Cherchez la facture sur le portail Chorus Pro, ou demandez à son assistance ce qu'est devenu ce flux, puis choisissez sur la page du flux : « Elle y est », « La renvoyer » ou « Abandonner ». Elle y est aussi cherchée d'ici, et n'est jamais renvoyée d'elle-même."
        "Chorus Pro still does not know flux {deposit}, {hours} h after it gave this number (invoice {number})"
        "Look for the invoice on Chorus Pro's portal, or ask its support what became of this flux, then choose on the flow's page: \"It is there\", \"Send again\" or \"Abandon\". It is also looked for from here, and never sent again by itself."
    }
    InvoiceRecalled "FG-449" Establishment AfterAction {
        "Le destinataire renvoie la facture {number} pour recyclage : « {comment} »"
        "Sur le portail Chorus Pro (factures émises, « Recycler »), corrigez le destinataire, le service ou l'engagement : la facture repart avec son numéro, sans nouveau dépôt, et ce message s'efface. Si le portail ne le propose plus (le recyclage prend fin), annulez cette facture par un avoir dans votre comptabilité, sans le déposer, puis déposez une facture corrigée avec un nouveau numéro, qui la cite (BT-25)."
        "The recipient sends invoice {number} back to be recycled: \"{comment}\""
        "On Chorus Pro's portal (invoices sent, \"Recycler\"), correct the recipient, the service or the commitment: the invoice goes on under its number, without being dropped again, and this message goes. If the portal no longer offers it (recycling is being ended), cancel this invoice by a credit note in your own accounts, without dropping it, then drop a corrected invoice with a new number, which refers to it (BT-25)."
    }
    FluxNotSearched "FG-450" Chorus Later {
        "Chorus Pro ne donne pas la liste du flux {deposit} : {tries} essais de suite sans réponse utilisable"
        "Rien à faire : ses factures sont demandées une par une, plus lentement, et la liste est redemandée d'elle-même. Tant qu'elle manque, une facture que Chorus Pro aurait refusée sans la nommer n'est pas reconnue. Si cela dure, donnez le numéro de flux à l'assistance de Chorus Pro."
        "Chorus Pro does not give the list of flux {deposit}: {tries} tries in a row without an answer that can be used"
        "Nothing to do: its invoices are asked for one by one, more slowly, and the list is asked for again by itself. While it is missing, an invoice that Chorus Pro refused without naming it is not recognised. If it lasts, give the flux number to Chorus Pro's support."
    }
    UploadsRefused "FG-451" Chorus Later {
        "Chorus Pro refuse la facture, dont il a peut-être oublié les fichiers remis plus tôt : {code} « {label} »"
        "Rien à faire : les fichiers sont remis de nouveau et la facture est soumise une seconde fois, d'elle-même. Un second refus est définitif."
        "Chorus Pro refuses the invoice, whose files, handed in earlier, it may have forgotten: {code} \"{label}\""
        "Nothing to do: the files are handed in again and the invoice is submitted a second time, by itself. A second refusal is final."
    }
    NotConfirmed "FG-452" Establishment AfterAction {
        "Chorus Pro n'a pas confirmé : {number}, d'une structure dont ce compte technique ne voit rien"
        "Cherchez sur le portail Chorus Pro. Ce qui s'y trouve est pris : rien à faire, « Vu » suffit. Ce qui ne s'y trouve pas : dites-le sur la page du flux (« Ce qui n'y est pas »), et seulement ensuite déposez-le de nouveau, lui seul."
        "Chorus Pro did not confirm: {number}, of a structure of which this technical account sees nothing"
        "Look on Chorus Pro's portal. What is there is taken: nothing to do, \"Seen\" will do. What is not there: say so on the flow's page (\"What is not there\"), and only then drop it again, that alone."
    }
    NoValidatorAwaited "FG-453" Establishment Never {
        "La facture {number} n'attend pas d'autre valideur : elle est au statut {current}"
        "Rien n'a été transmis : le valideur a été corrigé ailleurs (portail), ou la facture a changé d'état. Lisez ses statuts ; si elle est encore arrêtée pour un mauvais valideur, nommez-en un autre sur la page de la facture."
        "Invoice {number} waits for no other validator: its status is {current}"
        "Nothing was passed on: the validator was corrected elsewhere (the portal), or the invoice's status changed. Read its statuses; if it is still stopped for a wrong validator, name another one on the invoice's page."
    }
    SameValidator "FG-454" Establishment Never {
        "La facture {number} nomme déjà le valideur {validator}, et c'est lui qui l'a refusée"
        "Rien n'a été transmis. Demandez au titulaire du marché qui doit valider, puis nommez cet autre valideur sur la page de la facture."
        "Invoice {number} names validator {validator} already, who refused it"
        "Nothing was passed on. Ask the holder of the contract who must validate, then name that other validator on the invoice's page."
    }
    ValidatorRefused "FG-455" Establishment Never {
        "Chorus Pro refuse le valideur {validator} de la facture {number} ({what}) : {code} « {label} »"
        "La facture reste arrêtée. Vérifiez que ce SIRET est celui d'une structure active de Chorus Pro, puis nommez un autre valideur sur la page de la facture, ou sur le portail."
        "Chorus Pro refuses validator {validator} of invoice {number} ({what}): {code} \"{label}\""
        "The invoice stays stopped. Check that this SIRET is of a structure that is active in Chorus Pro, then name another validator on the invoice's page, or on the portal."
    }
    PivotUnreadable "FG-501" Chorus Never {
        "Facture reçue {chorus_id} : fichier pivot illisible (détail technique : {detail})"
        "Le fichier est livré tel que reçu : saisissez la facture à la main, d'après le portail Chorus Pro au besoin, et signalez-le à l'éditeur."
        "Received invoice {chorus_id}: unreadable pivot file (technical detail: {detail})"
        "The file is delivered as it came: enter the invoice by hand, from Chorus Pro's portal if need be, and tell the publisher."
    }
    DeliveryFailed "FG-502" Appliance Later {
        "Facture reçue {chorus_id} : impossible à ranger dans /recues (détail technique : {detail})"
        "Vérifiez la place sur le disque ; nouvel essai automatique, rien n'est perdu."
        "Received invoice {chorus_id}: cannot be put into /recues (technical detail: {detail})"
        "Check the disk's space; tried again by itself, nothing is lost."
    }
    ReceptionRouteMissing "FG-503" Establishment AfterAction {
        "Aucun compte ne reçoit les factures de {establishment}"
        "Donnez « receive = true » à une [[route]] de cet établissement."
        "No account receives the invoices of {establishment}"
        "Give a [[route]] of this establishment \"receive = true\"."
    }
    SweepStale "FG-504" Network Later {
        "Les factures reçues de {establishment} n'ont pas pu être relues en entier depuis {span} ({environment}) : une facture ancienne pourrait manquer"
        "Les factures récentes arrivent. La relecture complète (une fois par semaine) est redemandée d'elle-même ; si cela dure, cherchez sur le portail Chorus Pro les factures qui manquent ici et demandez à l'assistance de Chorus Pro pourquoi la recherche ne répond pas en entier."
        "The received invoices of {establishment} could not be read again throughout for {span} ({environment}): an old invoice might be missing"
        "Recent invoices arrive. The full reading (once a week) is asked for again by itself; if it lasts, look on Chorus Pro's portal for invoices that are missing here and ask Chorus Pro's support why the search does not answer throughout."
    }
    AbsentTwice "FG-505" Establishment AfterAction {
        "Facture {number} : envoyée de nouveau après une première absence prouvée, et toujours absente de Chorus Pro"
        "Elle n'est plus renvoyée d'elle-même. Vérifiez le débit vers Internet et les délais (chorus.api, timeout) : un envoi coupé chaque fois n'arrive jamais. Cherchez la facture sur le portail Chorus Pro, puis choisissez sur la page du flux : « Elle y est », « La renvoyer » ou « Abandonner »."
        "Invoice {number}: sent again after it was first proved absent, and still not at Chorus Pro"
        "It is not sent again by itself. Check the throughput towards the Internet and the time-outs (chorus.api, timeout): what is cut off each time never arrives. Look for the invoice on Chorus Pro's portal, then choose on the flow's page: \"It is there\", \"Send again\" or \"Abandon\"."
    }
    DownloadFails "FG-506" Network Later {
        "Facture reçue {chorus_id} : téléchargement inachevé après {tries} essais (détail technique : {detail})"
        "Rien n'est perdu : elle est redemandée, de moins en moins souvent. Vérifiez le débit et le pare-feu vers Chorus Pro ; une facture aux pièces jointes volumineuses demande du temps (chorus.api, timeout : sans un octet pendant ce délai, l'essai s'arrête). En cas d'urgence, téléchargez-la sur le portail Chorus Pro."
        "Received invoice {chorus_id}: download not finished after {tries} tries (technical detail: {detail})"
        "Nothing is lost: it is asked for again, ever less often. Check the throughput and the firewall towards Chorus Pro; an invoice with large attachments takes its time (chorus.api, timeout: without a byte for so long a try ends). If it is urgent, download it on Chorus Pro's portal."
    }
    NotTaken "FG-507" Establishment AfterAction {
        "Facture reçue jamais relevée : {folder} attend dans /recues du compte {account} depuis le {since}"
        "Vérifiez l'application qui relève /recues : elle supprime ou renomme ce qu'elle a pris. Si la facture a été saisie autrement, supprimez ce qui attend ; la faute s'efface alors d'elle-même."
        "Received invoice never fetched: {folder} waits in /recues of account {account} since {since}"
        "Check the application that fetches from /recues: it deletes or renames what it has taken. If the invoice was entered in another way, delete what waits; the fault then goes by itself."
    }
    PasswordExpires "FG-601" Establishment AfterAction {
        "Le mot de passe du compte technique {login} expire {when}, le {date} ({environment})"
        "Le gestionnaire principal de la structure le renouvelle dans Chorus Pro (« Raccordement EDI et API ») ; mettez ensuite le nouveau mot de passe dans le fichier de ce compte, ou envoyez-le sur la page. Après cette date, plus rien ne part."
        "The password of technical account {login} expires {when}, on {date} ({environment})"
        "The structure's principal manager renews it in Chorus Pro (\"Raccordement EDI et API\"); then put the new password into this account's file, or upload it on the page. After that date nothing leaves any more."
    }
    PasswordExpired "FG-602" Establishment AfterAction {
        "Le mot de passe du compte technique {login} a expiré le {date} ({environment})"
        "Le gestionnaire principal de la structure le renouvelle dans Chorus Pro (« Raccordement EDI et API ») ; mettez ensuite le nouveau mot de passe dans le fichier de ce compte, ou envoyez-le sur la page. Rien n'est perdu : tout part ensuite."
        "The password of technical account {login} expired on {date} ({environment})"
        "The structure's principal manager renews it in Chorus Pro (\"Raccordement EDI et API\"); then put the new password into this account's file, or upload it on the page. Nothing is lost: everything leaves afterwards."
    }
    PasswordEndUnknown "FG-603" Establishment Later {
        "Chorus Pro ne dit pas quand expire le mot de passe du compte technique {login} ({environment})"
        "Lisez la date dans Chorus Pro et notez-la : il expire 424 jours après son dernier renouvellement. La date est redemandée chaque jour."
        "Chorus Pro does not say when the password of technical account {login} expires ({environment})"
        "Read the date in Chorus Pro and note it: it expires 424 days after its last renewal. The date is asked for again every day."
    }
    CertificateExpires "FG-604" Establishment AfterAction {
        "Le certificat de {what} expire {when}, le {date} ({file})"
        "Faites-en établir un nouveau et mettez-le dans ce fichier : il est pris en compte sans redémarrage."
        "The certificate of {what} expires {when}, on {date} ({file})"
        "Have a new one issued and put it into this file: it is taken into use without a restart."
    }
    CertificateExpired "FG-605" Establishment AfterAction {
        "Le certificat de {what} a expiré le {date} ({file})"
        "Mettez un certificat valable dans ce fichier : il est pris en compte sans redémarrage. Vérifiez aussi l'horloge de la machine."
        "The certificate of {what} expired on {date} ({file})"
        "Put a valid certificate into this file: it is taken into use without a restart. Check the machine's clock as well."
    }
    CertificateUnreadable "FG-606" Establishment AfterAction {
        "Le certificat de {what} ne peut pas être lu ({file}) (détail technique : {detail})"
        "Mettez le certificat (PEM) dans ce fichier, ou corrigez son chemin dans la configuration."
        "The certificate of {what} cannot be read ({file}) (technical detail: {detail})"
        "Put the certificate (PEM) into this file, or correct its path in the configuration."
    }
    ClockWrong "FG-607" Appliance AfterAction {
        "L'horloge de la machine {how} de {span} par rapport à celle de Chorus Pro ({environment})"
        "Vérifiez le service de temps (NTP) et qu'il joint son serveur. Une heure fausse fait refuser des certificats et fausse les délais et le journal."
        "The machine's clock is {span} {how} Chorus Pro's ({environment})"
        "Check the time service (NTP) and that it reaches its server. A wrong time makes certificates fail and distorts delays and the journal."
    }
    ClockStepped "FG-608" Appliance Later {
        "L'horloge de la machine a sauté de {span} ({direction}) à {at}"
        "Rien à faire si quelqu'un l'a mise à l'heure ; sinon, vérifiez le service de temps (NTP) et la pile de l'horloge."
        "The machine's clock jumped by {span} ({direction}) at {at}"
        "Nothing to do if somebody set it right; otherwise check the time service (NTP) and the clock's battery."
    }
    DiskFilling "FG-609" Appliance AfterAction {
        "Disque de données : {free} libres, {reserve} gardés en réserve ({trend})"
        "Libérez de la place ou agrandissez le disque de données avant que la réserve soit atteinte : plus aucun fichier n'est pris alors."
        "Data disk: {free} free, {reserve} kept in reserve ({trend})"
        "Free some space or enlarge the data disk before the reserve is reached: no file is taken then."
    }
    ServiceFailing "FG-610" Network Later {
        "L'appel {service} ne réussit plus depuis {span} ({environment})"
        "Les essais continuent. Vérifiez le réseau et le pare-feu, puis demandez à l'assistance de Chorus Pro (ou de PISTE, pour oauth/token) si le service est en panne."
        "The call {service} has not succeeded for {span} ({environment})"
        "It is still tried. Check network and firewall, then ask Chorus Pro's support (or PISTE's, for oauth/token) whether the service is down."
    }
    ReceptionStale "FG-611" Network Later {
        "Les factures reçues de {establishment} n'ont pas pu être recherchées en entier depuis {span} ({environment})"
        "Les essais continuent et rien n'est perdu. Si cela dure, vérifiez le réseau, puis demandez à l'assistance de Chorus Pro si le service est en panne."
        "Received invoices of {establishment} could not be looked for throughout for {span} ({environment})"
        "It is still tried and nothing is lost. If it lasts, check the network, then ask Chorus Pro's support whether the service is down."
    }
    FlowsLate "FG-612" Establishment AfterAction {
        "Flux sans état final après le délai : {count}, le plus ancien depuis {span} ({establishment}, {environment})"
        "Ouvrez la page : chaque flux en retard y dit qui doit agir, et comment."
        "Flows without a final state past the deadline: {count}, the oldest for {span} ({establishment}, {environment})"
        "Open the page: each late flow says there who must act, and how."
    }
    DeliveriesUntaken "FG-613" Establishment AfterAction {
        "Factures reçues que l'application du compte {account} n'a pas prises : {count}, la plus ancienne depuis {span}"
        "Vérifiez que l'application relève /recues, puis supprime ou renomme ce qu'elle a lu. La page liste ces factures, une par une (FG-507) ; l'alarme finit avec la dernière."
        "Received invoices that the application of account {account} has not taken: {count}, the oldest for {span}"
        "Check that the application collects /recues, and deletes or renames what it has read. The page lists these invoices one by one (FG-507); the alarm ends with the last of them."
    }
    NoticeFailed "FG-614" Establishment Later {
        "Les alarmes ne partent pas par {channel} (détail technique : {detail})"
        "Vérifiez [notify] dans la configuration et essayez avec « fluxgate notify test ». Ce qui attend part dès que la voie fonctionne."
        "Alarms do not leave by {channel} (technical detail: {detail})"
        "Check [notify] in the configuration and try with `fluxgate notify test`. What waits leaves as soon as the way works."
    }
    CheckpointLate "FG-615" Appliance Later {
        "Le journal n'a pas été scellé depuis {span}"
        "Vérifiez le disque et son espace libre ; si cela dure, prévenez l'éditeur."
        "The journal has not been sealed for {span}"
        "Check the disk and its free space; if it lasts, tell the publisher."
    }
    DirectoryOld "FG-616" Network Later {
        "L'annuaire local de Chorus Pro date de {span} ({environment})"
        "Le contrôle en sait moins sur les destinataires et ne fait plus qu'avertir ; rien d'autre n'en souffre. La page « Annuaire » dit pourquoi il n'est pas actualisé ; il est redemandé de lui-même, ou par « Actualiser maintenant »."
        "The local directory of Chorus Pro is {span} old ({environment})"
        "The check knows less of recipients and only warns; nothing else suffers. The page \"Directory\" says why it is not refreshed; it is asked for again by itself, or by \"Refresh now\"."
    }
    ForeignInvoices "FG-617" Establishment AfterAction {
        "Le compte technique {login} montre des factures reçues d'autres structures que {establishment} : {structures} ({environment})"
        "Elles ne sont livrées à personne et restent intactes chez Chorus Pro. Si cette passerelle doit les recevoir, ajoutez une [[establishment]] avec ce SIRET (le même compte technique convient) et sa [[route]] « receive = true ». Sinon, retirez au compte technique le rattachement à ces structures, sur le portail Chorus Pro."
        "The technical account {login} shows received invoices of other structures than {establishment}: {structures} ({environment})"
        "They are delivered to nobody and stay untouched at Chorus Pro. If this gateway is to receive them, add an [[establishment]] with that SIRET (the same technical account will do) and its [[route]] with \"receive = true\". Otherwise take the technical account's attachment to these structures away, on Chorus Pro's portal."
    }
    PassedOverUnread "FG-618" Chorus Later {
        "{establishment} reçoit désormais pour {structures} : les factures laissées jusqu'ici chez Chorus Pro sont en cours de lecture ({environment})"
        "Rien à faire : elles arrivent d'elles-mêmes, et ce message disparaît quand toutes les listes ont été lues en entier. Une liste qui s'interrompt est redemandée après une heure. Si cela dure plus d'un jour, la page « Configuration, Diagnostic » dit ce que Chorus Pro refuse."
        "{establishment} receives for {structures} by now: the invoices left at Chorus Pro so far are being read ({environment})"
        "Nothing to do: they arrive by themselves, and this message goes once every list was read throughout. A list that breaks off is asked for again after an hour. If it lasts more than a day, the page \"Configuration, Diagnostic\" says what Chorus Pro refuses."
    }
    UnknownCodes "FG-619" Appliance AfterAction {
        "Chorus Pro emploie des codes que cette version de Fluxgate ne connaît pas : {codes} ({establishment}, {environment})"
        "Mettez Fluxgate à jour ; si la dernière version est en place, signalez ces codes à l'éditeur. Les factures n'en souffrent pas : elles sont suivies et livrées comme les autres, avec le code tel quel (un typeFacture inconnu compte comme une facture, 380) ; lisez leur état sur le portail Chorus Pro."
        "Chorus Pro uses codes that this version of Fluxgate does not know: {codes} ({establishment}, {environment})"
        "Update Fluxgate; if the latest version is in place, tell the publisher of these codes. The invoices do not suffer: they are followed and delivered like others, with the code as it is (an unknown typeFacture counts as an invoice, 380); read their state on Chorus Pro's portal."
    }
    RemoteLogFails "FG-620" Network Later {
        "Les lignes du journal technique ne parviennent plus au serveur de [syslog] depuis {span} ; {lost} perdues (détail technique : {detail})"
        "Vérifiez ce serveur, le pare-feu vers lui et son certificat (syslog.server, syslog.ca_file). Les dernières lignes sont gardées et partent dès qu'il répond ; rien d'autre n'en souffre."
        "Log lines have not reached the server of [syslog] for {span}; {lost} are lost (technical detail: {detail})"
        "Check that server, the firewall towards it and its certificate (syslog.server, syslog.ca_file). The latest lines are kept and leave as soon as it answers; nothing else suffers."
    }
    StoreFailed "FG-901" Appliance AfterAction {
        "La base locale ne peut pas écrire (détail technique : {detail})"
        "Vérifiez le disque. Aucun dépôt n'est accepté tant que cela dure."
        "The local database cannot write (technical detail: {detail})"
        "Check the disk. No deposit is accepted while it lasts."
    }
    ConfigurationRestored "FG-902" Establishment AfterAction {
        "Configuration illisible au démarrage : la dernière version acceptée est en vigueur (détail technique : {detail})"
        "Corrigez le fichier ou enregistrez de nouveau la configuration sur la page."
        "Configuration unreadable at start: the last accepted version is in force (technical detail: {detail})"
        "Correct the file or save the configuration again on the page."
    }
    ConfigurationMissing "FG-903" Establishment AfterAction {
        "Pas de configuration utilisable : les flux sont en pause (détail technique : {detail})"
        "Remplissez la configuration sur la page."
        "No usable configuration: flows are paused (technical detail: {detail})"
        "Fill in the configuration on the page."
    }
    CoreUnavailable "FG-904" Appliance Later {
        "Le service interne redémarre"
        "Attendez une minute et recommencez. Si le fichier avait été pris malgré tout, le second ne serait qu'un doublon (FG-106)."
        "The inner service is restarting"
        "Wait a minute and try again. If the file was taken all the same, the second one is only a duplicate (FG-106)."
    }
    UpstreamUnavailable "FG-905" Establishment Later {
        "Le serveur {upstream} ne répond pas (détail technique : {detail})"
        "Vérifiez que ce serveur fonctionne et que la machine peut le joindre."
        "Server {upstream} does not answer (technical detail: {detail})"
        "Check that this server runs and that the box can reach it."
    }
    Impossible "FG-906" Appliance AfterAction {
        "Événement impossible dans l'état « {state} » : « {event} »"
        "Rien n'a changé. Signalez-le à l'éditeur avec l'identifiant du flux."
        "Impossible event in state \"{state}\": \"{event}\""
        "Nothing has changed. Tell the publisher, with the flow's id."
    }
    ReadingFailed "FG-907" Appliance Never {
        "Ce fichier n'a pas pu être lu, par une erreur de Fluxgate"
        "Signalez-le à l'éditeur avec l'identifiant du flux ; en attendant, déposez la facture sous une autre forme (UBL, CII ou Factur-X)."
        "This file could not be read, by an error of Fluxgate"
        "Tell the publisher, with the flow's id; meanwhile drop the invoice in another form (UBL, CII or Factur-X)."
    }
    JobFails "FG-908" Appliance Later {
        "Une étape échoue sans cesse (détail technique : {detail})"
        "Rien n'est perdu : nouvel essai automatique. Vérifiez la place sur le disque ; si cela dure, signalez-le à l'éditeur avec l'identifiant du flux."
        "A step keeps failing (technical detail: {detail})"
        "Nothing is lost: tried again by itself. Check the disk's space; if it lasts, tell the publisher, with the flow's id."
    }
    TablesUnsigned "FG-909" Establishment AfterAction {
        "Fichier de tables non signé par une clé de confiance : {why}"
        "Les tables en vigueur le restent ; après un redémarrage, ce sont celles du programme. Remettez le fichier signé tel qu'il a été publié (il est relu de lui-même), ou nommez la clé publique de son signataire dans rules.keys."
        "File of tables not signed by a trusted key: {why}"
        "The tables in force stay so; after a restart it is the program's own. Put back the signed file as it was published (it is read again by itself), or name its signer's public key in rules.keys."
    }
    TablesWrong "FG-910" Establishment AfterAction {
        "Fichier de tables refusé : {why}"
        "Rien de ce fichier n'est appliqué : les tables en vigueur le restent ; après un redémarrage, ce sont celles du programme. Corrigez l'endroit indiqué, signez le fichier de nouveau et remettez-le : il est relu de lui-même."
        "File of tables refused: {why}"
        "Nothing of this file is applied: the tables in force stay so; after a restart it is the program's own. Correct the place named, sign the file again and put it back: it is read again by itself."
    }
    TablesOlder "FG-911" Establishment AfterAction {
        "Tables du fichier ({version}) plus anciennes que les dernières en vigueur ({in_force})"
        "Les tables en vigueur le restent ; après un redémarrage, ce sont celles du programme. Mettez un fichier plus récent à l'endroit que nomme rules.tables : il est relu de lui-même. Ou retirez cette clé de la configuration : les tables du programme comptent alors."
        "The file's tables ({version}) are older than the last in force ({in_force})"
        "The tables in force stay so; after a restart it is the program's own. Put a newer file where rules.tables says: it is read again by itself. Or remove this key from the configuration: then the program's own tables count."
    }
    TablesUnread "FG-912" Establishment AfterAction {
        "Fichier de tables illisible : {why}"
        "Les tables en vigueur le restent ; après un redémarrage, ce sont celles du programme. Mettez le fichier à l'endroit que nomme rules.tables, lisible par Fluxgate : il est relu de lui-même. Ou retirez cette clé."
        "File of tables that cannot be read: {why}"
        "The tables in force stay so; after a restart it is the program's own. Put the file where rules.tables says, readable by Fluxgate: it is read again by itself. Or remove this key."
    }
    CallsDenied "FG-913" Appliance AfterAction {
        "Le processus {process} a tenté des appels système interdits, qui ont été refusés ({calls})"
        "Un défaut de Fluxgate, ou quelqu'un qui a pris la main sur ce processus : signalez l'un avec le diagnostic et les traces, examinez l'autre avec votre responsable de la sécurité. L'alarme cesse au redémarrage du processus."
        "The process {process} tried forbidden calls of the kernel, which were denied ({calls})"
        "Either a defect of Fluxgate or somebody who has taken this process over: report the one with the diagnostic and the logs, examine the other with your security officer. The alarm ends when the process is started again."
    }
    WallsMissing "FG-914" Appliance AfterAction {
        "Le noyau de cette machine n'enferme pas le processus {process} comme prévu (il manque : {missing})"
        "Tout fonctionne, mais une protection manque. Utilisez l'image de la machine, ou un noyau Linux 6.12 au moins, avec landlock (lsm=landlock) et seccomp."
        "The kernel of this machine does not wall the process {process} in as it should (missing: {missing})"
        "Everything works, but a protection is missing. Use the appliance's image, or a Linux kernel of at least 6.12 with landlock (lsm=landlock) and seccomp."
    }
    UpdateNotARelease "FG-920" Establishment Never {
        "Mise à jour refusée : ce n'est pas une version de Fluxgate ({why})"
        "Rien n'a changé. Prenez le fichier tel qu'il a été publié, sans le décompresser ni le modifier, et recommencez."
        "Update refused: it is no release of Fluxgate ({why})"
        "Nothing has changed. Take the file as it was published, neither unpacked nor changed, and try again."
    }
    UpdateTruncated "FG-921" Establishment Never {
        "Mise à jour refusée : le fichier est coupé, il lui manque au moins {missing} octets"
        "Rien n'a changé. Téléchargez le fichier de nouveau et comparez sa taille à celle qui est publiée."
        "Update refused: the file is cut, at least {missing} bytes are missing"
        "Nothing has changed. Download the file again and compare its size with the one published."
    }
    UpdateAltered "FG-922" Establishment Never {
        "Mise à jour refusée : son contenu n'est pas celui qui a été signé ({why})"
        "Rien n'a changé. Téléchargez le fichier de nouveau ; si cela se répète, prévenez l'éditeur : le fichier a été modifié."
        "Update refused: its content is not what was signed ({why})"
        "Nothing has changed. Download the file again; if it happens again, tell the publisher: the file was changed."
    }
    UpdateForeign "FG-923" Establishment Never {
        "Mise à jour refusée : aucune clé de confiance de cette machine ne l'a signée ({role})"
        "Rien n'a changé. N'utilisez que des fichiers de votre éditeur. Si c'en est un, ses clés ont changé : demandez-lui la version intermédiaire."
        "Update refused: no key that this box trusts signed it ({role})"
        "Nothing has changed. Use files of your publisher only. If it is one, the keys have changed: ask for the release in between."
    }
    UpdateUnderSigned "FG-924" Establishment Never {
        "Mise à jour refusée : {valid} signatures valables ({role}), il en faut {threshold}"
        "Rien n'a changé. Demandez à l'éditeur le fichier avec toutes ses signatures."
        "Update refused: {valid} valid signatures ({role}), {threshold} are needed"
        "Nothing has changed. Ask the publisher for the file with all its signatures."
    }
    UpdateExpired "FG-925" Establishment Never {
        "Mise à jour refusée : ses signatures ne valent plus depuis le {date} ({role})"
        "Rien n'a changé. Prenez la version la plus récente. Si c'est elle, vérifiez la date de la machine, puis prévenez l'éditeur."
        "Update refused: its signatures have not counted since {date} ({role})"
        "Nothing has changed. Take the newest release. If this is it, check the box's date, then tell the publisher."
    }
    UpdateNotNewer "FG-926" Establishment Never {
        "Mise à jour refusée : la version {offered} n'est pas plus récente que celle qui fonctionne ({running})"
        "Rien n'a changé. Pour revenir à la version précédente, utilisez le retour en arrière de la page."
        "Update refused: version {offered} is not newer than the one that runs ({running})"
        "Nothing has changed. To return to the former version, go back on the page."
    }
    UpdateBelowFloor "FG-927" Establishment Never {
        "Refusé : la version {offered} est au-dessous de la plus ancienne admise ({floor})"
        "Rien n'a changé. Une version installée a fermé ce chemin, pour la sécurité : prenez une version plus récente."
        "Refused: version {offered} is below the oldest allowed ({floor})"
        "Nothing has changed. A version that was installed closed this way, for safety: take a newer one."
    }
    UpdateWrongBoard "FG-928" Establishment Never {
        "Mise à jour refusée : elle est faite pour {offered}, cette machine est {ours}"
        "Rien n'a changé. Prenez le fichier de cette machine."
        "Update refused: it is made for {offered}, this box is {ours}"
        "Nothing has changed. Take the file for this box."
    }
    UpdateTooLarge "FG-929" Establishment Never {
        "Mise à jour refusée : {what} fait {bytes} octets, pour {limit} au plus"
        "Rien n'a changé. Une vraie version n'est pas si grande : vérifiez d'où vient le fichier."
        "Update refused: {what} has {bytes} bytes, the limit is {limit}"
        "Nothing has changed. A true release is not that large: check where the file comes from."
    }
    UpdateTooFarAhead "FG-930" Establishment AfterAction {
        "Mise à jour refusée : la version {offered} reprend les données de {oldest} au plus tôt, et {running} fonctionne"
        "Rien n'a changé. Installez d'abord une version intermédiaire, au moins {oldest}."
        "Update refused: version {offered} takes over the data of {oldest} at the oldest, and {running} runs"
        "Nothing has changed. First install a release in between, {oldest} at least."
    }
    UpdateNoRoom "FG-931" Appliance AfterAction {
        "Mise à jour refusée : la partition de démarrage n'a que {free} octets libres, il en faut {needed}"
        "Rien n'a changé. Redémarrez la machine, qui nettoie alors cette partition, et recommencez ; si cela dure, prévenez l'éditeur."
        "Update refused: the boot partition has {free} bytes free, {needed} are needed"
        "Nothing has changed. Restart the box, which then cleans this partition, and try again; if it lasts, tell the publisher."
    }
    UpdateNotWritten "FG-932" Appliance AfterAction {
        "Mise à jour non écrite : {why}"
        "La version qui fonctionne reste en place. Recommencez ; si cela se répète, le disque est à remplacer."
        "Update not written: {why}"
        "The version that runs stays in place. Try again; if it happens again, the disk must be replaced."
    }
    UpdateNoWayBack "FG-933" Establishment Never {
        "Pas de retour en arrière possible : {why}"
        "La version qui fonctionne reste en place. Après une mise à jour, attendez que la nouvelle version ait fait ses preuves."
        "No way back: {why}"
        "The version that runs stays in place. After an update, wait until the new version has proved healthy."
    }
    UpdateRootUnusable "FG-934" Appliance AfterAction {
        "Racine de confiance des mises à jour inutilisable : {why}"
        "Aucune mise à jour n'est possible. Redémarrez la machine ; si cela dure, réinstallez-la avec l'image de l'éditeur."
        "Root of trust of updates unusable: {why}"
        "No update is possible. Restart the box; if it lasts, install it anew with the publisher's image."
    }
    UpdateBusy "FG-935" Appliance Later {
        "Une autre mise à jour est en cours (détail technique : {detail})"
        "Attendez qu'elle finisse, puis recommencez."
        "Another update is under way (technical detail: {detail})"
        "Wait until it ends, then try again."
    }
    UpdateNoAppliance "FG-936" Establishment Never {
        "Cette machine ne fonctionne pas avec l'image de Fluxgate : {why}"
        "Ici, remplacez le programme lui-même, et redémarrez le service."
        "This machine does not run Fluxgate's image: {why}"
        "Here, replace the program itself, and restart the service."
    }
    UpdateNoBootPartition "FG-937" Appliance AfterAction {
        "La partition de démarrage n'est pas montée sur {folder} : aucune mise à jour ne peut être installée"
        "Le service continue. Redémarrez la machine ; si cela dure, le disque est à remplacer, ou l'appliance à réinstaller."
        "The boot partition is not mounted at {folder}: no update can be installed"
        "The service goes on. Restart the box; if it lasts, the disk must be replaced, or the appliance installed anew."
    }
    UpdateDataFull "FG-938" Establishment AfterAction {
        "Mise à jour refusée : le disque des données n'a que {free} octets libres, il en faut {needed}"
        "Rien n'a changé. Faites de la place (l'accueil dit ce qui en prend), puis recommencez."
        "Update refused: the data disk has {free} bytes free, {needed} are needed"
        "Nothing has changed. Make room (the first screen says what takes it), then try again."
    }
    ReleasesUnreached "FG-939" Network Later {
        "Les nouvelles versions ne peuvent plus être cherchées depuis {span} : {why}"
        "Vérifiez l'adresse (update.url), le pare-feu et le proxy vers elle, et le certificat de son serveur (update.ca_file). D'ici là, une mise à jour se dépose sur la page « Mises à jour » ; rien d'autre n'en souffre."
        "New releases could not be looked for for {span}: {why}"
        "Check the address (update.url), the firewall and the proxy towards it, and its server's certificate (update.ca_file). Until then an update is handed in on the page \"Updates\"; nothing else suffers."
    }
    ReleaseWaits "FG-940" Establishment AfterAction {
        "La version {version} attend d'être installée"
        "Lisez ce qui change sur la page Configuration, Mises à jour, et installez-la à un moment où un redémarrage d'une minute convient ; ou retirez-la."
        "Version {version} waits to be installed"
        "Read what changes on the page Configuration, Updates, and install it when a restart of a minute suits; or withdraw it."
    }
}
