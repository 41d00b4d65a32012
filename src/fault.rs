//! The operator's catalogue of faults: one table. A code is stable for ever; its wording may improve.
//!
//! Every message a person reads about something that went wrong is a row here: who must act, whether trying again
//! helps, and in French and English what happened (title) and what to do (remedy). `{name}` in a text is filled
//! from the case's details. The README lists the table (`tests/it/house.rs` compares).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Who must act for the fault to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// Whoever made the invoice: the firm, or the application that writes the file.
    Supplier,
    /// The establishment: its accountants or its IT admin.
    Establishment,
    /// The State's platform.
    Chorus,
    /// The way between this box and Chorus Pro.
    Network,
    /// This box.
    Appliance,
}

/// Whether the same thing tried again may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Retry {
    /// Never as it is: something must change and a new file be dropped.
    Never,
    /// By itself, later: nothing to do unless it lasts.
    Later,
    /// By itself, once somebody has done what the remedy says.
    AfterAction,
}

/// The language of a text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Fr,
    En,
}

/// A row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub code: Code,
    /// What people quote: `FG-` and three digits.
    pub text: &'static str,
    pub actor: Actor,
    pub retry: Retry,
    title: [&'static str; 2],
    remedy: [&'static str; 2],
}

impl Entry {
    /// The title with its blanks as they stand in the table.
    pub fn title(&self, language: Language) -> &'static str {
        self.title[language as usize]
    }

    /// The remedy with its blanks as they stand in the table.
    pub fn remedy(&self, language: Language) -> &'static str {
        self.remedy[language as usize]
    }
}

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
    QuotaExceeded "FG-102" Establishment Later {
        "Trop de fichiers en attente pour le compte {account} : {used} sur {limit}"
        "Attendez que les fichiers déjà déposés soient traités, ou faites relever le quota du compte (limits.pending_bytes)."
        "Too much is waiting for account {account}: {used} of {limit}"
        "Wait until what was dropped is processed, or have the account's quota raised (limits.pending_bytes)."
    }
    DiskNearlyFull "FG-103" Appliance AfterAction {
        "Disque presque plein : {free} libres, {reserve} gardés en réserve"
        "Libérez de la place ou agrandissez le disque de données ; les dépôts reprennent d'eux-mêmes."
        "Disk nearly full: {free} free, {reserve} kept in reserve"
        "Free some space or enlarge the data disk; deposits resume by themselves."
    }
    UnknownFolder "FG-104" Establishment Never {
        "Dossier inconnu : {folder}"
        "Déposez dans /depot (ou un dossier prévu par une route de la configuration)."
        "Unknown folder: {folder}"
        "Drop into /depot (or a folder that a route of the configuration names)."
    }
    NameNotAllowed "FG-105" Establishment Never {
        "Nom de fichier refusé : {name} ({reason})"
        "Renommez le fichier : 200 octets au plus, UTF-8, sans barre oblique ni caractère de contrôle."
        "File name refused: {name} ({reason})"
        "Rename the file: at most 200 bytes, UTF-8, no slash and no control character."
    }
    Duplicate "FG-106" Establishment Never {
        "Déjà déposé : ce fichier est identique au flux {first}"
        "Rien à faire si c'est un second envoi du même fichier. Pour une nouvelle facture, changez son contenu (numéro)."
        "Already dropped: this file is identical to flow {first}"
        "Nothing to do if the same file was sent twice. For a new invoice, change its content (number)."
    }
    UploadInterrupted "FG-107" Network Never {
        "Dépôt interrompu : {received} reçus, puis la connexion s'est fermée"
        "Rien n'a été pris. Déposez le fichier de nouveau."
        "Upload interrupted: {received} arrived, then the connection ended"
        "Nothing was taken. Drop the file again."
    }
    NoRoute "FG-108" Establishment AfterAction {
        "Aucune route pour le compte {account} et le dossier {folder}"
        "Ajoutez une [[route]] pour ce compte et ce dossier dans la configuration."
        "No route for account {account} and folder {folder}"
        "Add a [[route]] for this account and folder to the configuration."
    }
    NeverRenamed "FG-109" Establishment Never {
        "Fichier temporaire jamais renommé : {name}"
        "Le dépôt sous un nom temporaire n'a pas été renommé en 24 h et a été retiré. Vérifiez l'application, puis déposez le fichier de nouveau s'il est encore dû."
        "Temporary file never renamed: {name}"
        "What was dropped under a temporary name was not renamed within 24 h and was removed. Check the application, then drop the file again if it is still due."
    }
    NumberTaken "FG-110" Supplier Never {
        "Numéro déjà utilisé : la facture {number} de ce fournisseur est déjà dans le flux {first}"
        "Rien à faire si c'est la même facture. Sinon, donnez-lui un autre numéro dans l'application d'origine et déposez-la de nouveau."
        "Number already used: invoice {number} of this supplier is already in flow {first}"
        "Nothing to do if it is the same invoice. Otherwise give it another number in the application of origin and drop it again."
    }
    EmptyFile "FG-201" Supplier Never {
        "Fichier vide"
        "Vérifiez l'application qui écrit le fichier, puis déposez-le de nouveau."
        "Empty file"
        "Check the application that writes the file, then drop it again."
    }
    NotAnInvoice "FG-202" Supplier Never {
        "Ce fichier n'est pas une facture : il ressemble à {looks_like}"
        "Déposez une facture UBL, CII ou Factur-X."
        "This file is no invoice: it looks like {looks_like}"
        "Drop a UBL, CII or Factur-X invoice."
    }
    XmlMalformed "FG-203" Supplier Never {
        "XML mal formé : {detail} ({place})"
        "Faites corriger l'application qui écrit le fichier ; il a peut-être été coupé pendant le transfert."
        "Malformed XML: {detail} ({place})"
        "Have the application that writes the file corrected; it may have been cut in transfer."
    }
    EncodingWrong "FG-204" Supplier Never {
        "Encodage faux : {detail} ({place})"
        "Enregistrez le fichier en UTF-8 et déclarez encoding=\"UTF-8\"."
        "Wrong encoding: {detail} ({place})"
        "Save the file as UTF-8 and declare encoding=\"UTF-8\"."
    }
    XmlForbidden "FG-205" Supplier Never {
        "XML refusé par sécurité : {detail}"
        "Supprimez la déclaration DOCTYPE et les entités : une facture n'en a pas besoin."
        "XML refused for safety: {detail}"
        "Remove the DOCTYPE declaration and the entities: an invoice needs none."
    }
    ContentOverLimit "FG-206" Supplier Never {
        "Contenu hors limites : {detail}"
        "Réduisez le fichier ; les limites sont décrites dans le manuel."
        "Content over a limit: {detail}"
        "Make the file smaller; the manual lists the limits."
    }
    PdfWithoutInvoice "FG-207" Supplier Never {
        "PDF sans facture électronique à l'intérieur"
        "Déposez un Factur-X (PDF contenant factur-x.xml), un UBL ou un CII."
        "PDF without an electronic invoice inside"
        "Drop a Factur-X (a PDF that holds factur-x.xml), a UBL or a CII."
    }
    KindNotHandled "FG-208" Establishment Never {
        "Type de fichier reconnu mais pas encore traité : {kind}"
        "Déposez les factures une par une, en UBL, CII ou Factur-X."
        "File type recognised but not handled yet: {kind}"
        "Drop the invoices one by one, as UBL, CII or Factur-X."
    }
    RulesFailed "FG-209" Supplier Never {
        "Facture non conforme : {count} anomalie(s) bloquante(s), la première : {first}"
        "Corrigez chaque anomalie de la liste dans l'application d'origine et déposez la facture corrigée."
        "Invoice not compliant: {count} blocking finding(s), the first: {first}"
        "Correct each finding of the list in the application of origin and drop the corrected invoice."
    }
    ArchiveUnreadable "FG-210" Supplier Never {
        "Archive inutilisable : {detail}"
        "Recréez l'archive (.zip ou .tar.gz, sans mot de passe, sans archive à l'intérieur) et déposez-la de nouveau."
        "Unusable archive: {detail}"
        "Make the archive anew (.zip or .tar.gz, without a password, without an archive inside) and drop it again."
    }
    StatusFileWrong "FG-211" Establishment Never {
        "Fichier de statuts inutilisable : {count} erreur(s), la première : {first}"
        "Corrigez chaque ligne de la liste et déposez le fichier de nouveau : aucun statut n'a été transmis."
        "Unusable status file: {count} error(s), the first: {first}"
        "Correct each line of the list and drop the file again: no status was passed on."
    }
    ClientRefused "FG-301" Establishment AfterAction {
        "PISTE refuse l'identifiant ou le secret de l'application ({environment})"
        "Vérifiez client_id et le secret : ils viennent du panneau « OAuth Credentials » de PISTE, pas de « API Keys », et du bon environnement. Les dépôts reprennent d'eux-mêmes."
        "PISTE refuses the application's id or secret ({environment})"
        "Check client_id and its secret: they come from PISTE's panel \"OAuth Credentials\", not \"API Keys\", and from the right environment. Deposits resume by themselves."
    }
    TokenUnreadable "FG-302" Chorus Later {
        "PISTE a répondu sans jeton utilisable ({environment})"
        "Rien à faire : nouvel essai automatique. Si cela dure, voyez l'état de PISTE."
        "PISTE answered without a usable token ({environment})"
        "Nothing to do: tried again by itself. If it lasts, see PISTE's status."
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
        "Chorus Pro répond en erreur ({detail})"
        "Rien à faire : nouvel essai automatique. Si cela dure, voyez l'état du service Chorus Pro."
        "Chorus Pro answers with an error ({detail})"
        "Nothing to do: tried again by itself. If it lasts, see Chorus Pro's service status."
    }
    Unreachable "FG-307" Network Later {
        "Chorus Pro ne peut pas être joint ({detail})"
        "Vérifiez le réseau, le DNS et le pare-feu vers {host} (port 443) ; nouvel essai automatique."
        "Chorus Pro cannot be reached ({detail})"
        "Check network, DNS and firewall towards {host} (port 443); tried again by itself."
    }
    TlsFailed "FG-308" Network AfterAction {
        "Connexion TLS refusée avec {host} ({detail})"
        "Vérifiez l'heure de la machine, le proxy de l'établissement et, s'il inspecte le TLS, son autorité (chorus.api.ca_file)."
        "TLS connection with {host} refused ({detail})"
        "Check the machine's clock, the establishment's proxy and, if that inspects TLS, its authority (chorus.api.ca_file)."
    }
    AnswerUnreadable "FG-309" Chorus Later {
        "Réponse de Chorus Pro incompréhensible à {service} ({detail})"
        "Rien à faire : nouvel essai automatique pour les lectures ; un dépôt est d'abord recherché."
        "Chorus Pro's answer to {service} makes no sense ({detail})"
        "Nothing to do: reads are tried again by themselves; a deposit is looked up first."
    }
    CallRefused "FG-310" Establishment AfterAction {
        "Chorus Pro refuse {service} : {code} {label}"
        "Lisez le libellé ; corrigez ou signalez-le à l'assistance de Chorus Pro."
        "Chorus Pro refuses {service}: {code} {label}"
        "Read the label; correct it or tell Chorus Pro's support."
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
        "Autorité de confiance inutilisable pour l'environnement {environment} : {detail}"
        "Mettez l'autorité (PEM) dans ce fichier, ou corrigez ca_file de [chorus.api.{environment}], ou retirez cette clé si aucun proxy n'inspecte TLS. Les dépôts reprennent d'eux-mêmes."
        "Trusted authority of no use for environment {environment}: {detail}"
        "Put the authority (PEM) into this file, or correct ca_file in [chorus.api.{environment}], or remove that key if no proxy inspects TLS. Deposits resume by themselves."
    }
    DepositRefused "FG-401" Supplier Never {
        "Chorus Pro refuse le dépôt : {code} {label}"
        "Corrigez la facture selon le libellé et déposez la version corrigée."
        "Chorus Pro refuses the deposit: {code} {label}"
        "Correct the invoice as the label says and drop the corrected version."
    }
    FluxRejected "FG-402" Supplier Never {
        "Chorus Pro a rejeté le flux {deposit} : {label}"
        "Corrigez la facture selon le libellé et déposez-la sous un nouveau nom, avec un nouveau numéro si le libellé le demande."
        "Chorus Pro rejected flux {deposit}: {label}"
        "Correct the invoice as the label says and drop it anew, with a new number if the label asks for one."
    }
    PartlyIntegrated "FG-403" Supplier Never {
        "Chorus Pro n'a intégré qu'une partie du flux {deposit} : {label}"
        "Corrigez les seules factures refusées et déposez-les de nouveau."
        "Chorus Pro integrated only part of flux {deposit}: {label}"
        "Correct the refused invoices only and drop them again."
    }
    FluxIncident "FG-404" Chorus Later {
        "Incident chez Chorus Pro sur le flux {deposit}"
        "Rien à faire : le flux entier est déposé de nouveau automatiquement."
        "Incident at Chorus Pro with flux {deposit}"
        "Nothing to do: the whole flux is deposited again by itself."
    }
    AnswerLost "FG-405" Network Later {
        "Réponse de Chorus Pro perdue après l'envoi ({detail})"
        "Rien à faire : la facture est recherchée chez Chorus Pro avant tout nouvel envoi."
        "Chorus Pro's answer was lost after sending ({detail})"
        "Nothing to do: the invoice is looked up at Chorus Pro before anything is sent again."
    }
    DoubtNeedsPerson "FG-406" Establishment AfterAction {
        "Impossible de savoir si Chorus Pro a pris la facture {number}"
        "Cherchez la facture sur le portail Chorus Pro, puis dites sur la page du flux : « elle y est », « la renvoyer » ou « abandonner »."
        "Impossible to know whether Chorus Pro took invoice {number}"
        "Look for the invoice on Chorus Pro's portal, then say on the flow's page: \"it is there\", \"send again\" or \"abandon\"."
    }
    IntegrationLate "FG-407" Chorus Later {
        "Toujours pas de verdict de Chorus Pro sur le flux {deposit} après {hours} h"
        "Attendez ; au-delà d'un jour ouvré, donnez le numéro de flux à l'assistance de Chorus Pro."
        "Still no verdict of Chorus Pro on flux {deposit} after {hours} h"
        "Wait; after a working day, give the flux number to Chorus Pro's support."
    }
    UnknownFluxState "FG-408" Chorus Later {
        "État de flux inconnu : {state} (flux {deposit})"
        "Le suivi continue. Signalez ce code à l'éditeur : il n'est jamais pris pour un succès."
        "Unknown flux state: {state} (flux {deposit})"
        "It is still followed. Tell the publisher of this code: it is never taken for success."
    }
    InvoiceRejected "FG-409" Supplier Never {
        "Le destinataire a rejeté la facture {number} : {comment}"
        "Faites un avoir interne, puis une nouvelle facture avec un nouveau numéro."
        "The recipient rejected invoice {number}: {comment}"
        "Credit it internally, then make a new invoice with a new number."
    }
    UnknownInvoiceStatus "FG-410" Chorus Later {
        "Statut de facture inconnu : {status} (facture {number})"
        "Le suivi continue. Signalez ce code à l'éditeur."
        "Unknown invoice status: {status} (invoice {number})"
        "It is still followed. Tell the publisher of this code."
    }
    Abandoned "FG-411" Establishment Never {
        "Flux abandonné par {who}"
        "Rien à faire. Déposez une nouvelle facture si elle est encore due."
        "Flow abandoned by {who}"
        "Nothing to do. Drop a new invoice if it is still due."
    }
    NotFoundAfterIntegration "FG-412" Chorus Later {
        "Facture {number} intégrée mais introuvable chez Chorus Pro"
        "La recherche continue ; au-delà d'un jour, cherchez-la sur le portail."
        "Invoice {number} is integrated but cannot be found at Chorus Pro"
        "The search goes on; after a day, look for it on the portal."
    }
    PartsNotTaken "FG-413" Supplier Never {
        "Une partie du fichier n'a pas été prise : {missing} sur {total}"
        "Corrigez seulement ce que l'accusé montre comme refusé ou rejeté, puis déposez-le de nouveau."
        "Part of the file was not taken: {missing} of {total}"
        "Correct only what the receipt shows as refused or rejected, then drop that again."
    }
    ChangeLost "FG-414" Network Later {
        "Réponse de Chorus Pro perdue après l'envoi d'un statut ({detail})"
        "Rien à faire : la facture est relue chez Chorus Pro avant tout nouvel envoi."
        "Chorus Pro's answer was lost after a status was sent ({detail})"
        "Nothing to do: the invoice is read again at Chorus Pro before anything is sent again."
    }
    ChangeRefused "FG-415" Establishment Never {
        "Chorus Pro refuse le statut {status} pour la facture {number} : {code} {label}"
        "Lisez le libellé et l'état actuel de la facture, puis demandez un statut permis."
        "Chorus Pro refuses status {status} for invoice {number}: {code} {label}"
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
        "Rejetez la facture avec un motif (REJETEE). Le fournisseur l'annule par un avoir interne et en émet une nouvelle, avec un nouveau numéro."
        "Recycling of invoices has ended: status A_RECYCLER is no longer passed on (invoice {number})"
        "Reject the invoice with a motif (REJETEE). The supplier cancels it by an internal credit note and issues a new one, with a new number."
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
    PivotUnreadable "FG-501" Chorus Never {
        "Facture reçue {chorus_id} : pivot illisible ({detail})"
        "Le fichier reçu est livré tel quel ; lisez-le à la main et signalez-le."
        "Received invoice {chorus_id}: unreadable pivot ({detail})"
        "The file is delivered as it came; read it by hand and report it."
    }
    DeliveryFailed "FG-502" Appliance Later {
        "Facture reçue {chorus_id} : placement impossible ({detail})"
        "Vérifiez la place sur le disque ; nouvel essai automatique, rien n'est perdu."
        "Received invoice {chorus_id}: cannot be placed ({detail})"
        "Check the disk's space; tried again by itself, nothing is lost."
    }
    ReceptionRouteMissing "FG-503" Establishment AfterAction {
        "Aucun compte ne reçoit les factures de {establishment}"
        "Donnez « receive = true » à une [[route]] de cet établissement."
        "No account receives the invoices of {establishment}"
        "Give a [[route]] of this establishment \"receive = true\"."
    }
    StoreFailed "FG-901" Appliance AfterAction {
        "La base locale ne peut pas écrire ({detail})"
        "Vérifiez le disque. Aucun dépôt n'est accepté tant que cela dure."
        "The local database cannot write ({detail})"
        "Check the disk. No deposit is accepted while it lasts."
    }
    ConfigurationRestored "FG-902" Establishment AfterAction {
        "Configuration illisible au démarrage : la dernière version acceptée est en service ({detail})"
        "Corrigez le fichier ou enregistrez de nouveau la configuration sur la page."
        "Configuration unreadable at start: the last accepted version is in force ({detail})"
        "Correct the file or save the configuration again on the page."
    }
    ConfigurationMissing "FG-903" Establishment AfterAction {
        "Pas de configuration utilisable : les flux sont en pause ({detail})"
        "Remplissez la configuration sur la page."
        "No usable configuration: flows are paused ({detail})"
        "Fill in the configuration on the page."
    }
    CoreUnavailable "FG-904" Appliance Later {
        "Le service interne redémarre"
        "Attendez une minute et recommencez. Si le fichier avait été pris malgré tout, le second ne serait qu'un doublon (FG-106)."
        "The inner service is restarting"
        "Wait a minute and try again. If the file was taken all the same, the second one is only a duplicate (FG-106)."
    }
    UpstreamUnavailable "FG-905" Establishment Later {
        "Le serveur {upstream} ne répond pas ({detail})"
        "Vérifiez que ce serveur fonctionne et que la machine peut le joindre."
        "Server {upstream} does not answer ({detail})"
        "Check that this server runs and that the box can reach it."
    }
    Impossible "FG-906" Appliance AfterAction {
        "Événement impossible : {event} dans l'état {state}"
        "Signalez-le à l'éditeur avec l'identifiant du flux ; l'état n'a pas changé."
        "Impossible event: {event} in state {state}"
        "Tell the publisher, with the flow's id; the state did not change."
    }
    ReadingFailed "FG-907" Appliance Never {
        "La lecture de ce fichier a échoué dans le produit"
        "Signalez-le à l'éditeur avec l'identifiant du flux ; en attendant, déposez la facture sous une autre forme (UBL, CII ou Factur-X)."
        "Reading this file failed inside the product"
        "Tell the publisher, with the flow's id; meanwhile drop the invoice in another form (UBL, CII or Factur-X)."
    }
    JobFails "FG-908" Appliance Later {
        "Une étape échoue sans cesse : {detail}"
        "Vérifiez la place sur le disque ; si cela dure, signalez-le à l'éditeur avec l'identifiant du flux. Rien n'est perdu, l'étape est tentée de nouveau."
        "A step keeps failing: {detail}"
        "Check the disk's space; if it lasts, tell the publisher with the flow's id. Nothing is lost, the step is tried again."
    }
}

impl Code {
    /// The code's row.
    pub fn entry(self) -> &'static Entry {
        &CATALOGUE[self as usize]
    }

    /// The stable code: `FG-` and three digits.
    pub fn as_str(self) -> &'static str {
        self.entry().text
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = UnknownCode;
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        CATALOGUE
            .iter()
            .find(|e| e.text == text)
            .map(|e| e.code)
            .ok_or_else(|| UnknownCode(text.chars().take(20).collect()))
    }
}

/// A code that this version's catalogue does not list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown fault code {0:?}")]
pub struct UnknownCode(pub String);

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One occurrence of a fault: the code, and what fills the blanks of its texts. Serialised as JSON in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub code: Code,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

impl Fault {
    pub fn new(code: Code) -> Self {
        Self { code, details: BTreeMap::new() }
    }

    /// Fills the blank `{name}` of the texts; a value is cut to 300 characters.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.details.insert(name.to_owned(), value.to_string().chars().take(300).collect());
        self
    }

    pub fn actor(&self) -> Actor {
        self.code.entry().actor
    }

    pub fn retry(&self) -> Retry {
        self.code.entry().retry
    }

    /// What happened, in one line.
    pub fn title(&self, language: Language) -> String {
        self.fill(self.code.entry().title(language))
    }

    /// What to do about it.
    pub fn remedy(&self, language: Language) -> String {
        self.fill(self.code.entry().remedy(language))
    }

    fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('}') else { break };
            filled.push_str(self.details.get(name).map_or("?", String::as_str));
            rest = after;
        }
        filled.push_str(rest);
        filled
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.title(Language::En))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn blanks(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
    }

    #[test]
    fn codes_are_unique_in_order_and_texts_complete() {
        for (row, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.code as usize, row);
            assert!(row == 0 || CATALOGUE[row - 1].text < entry.text, "{} is out of order or double", entry.text);
            assert_eq!(entry.text.parse(), Ok(entry.code));
            for language in [Language::Fr, Language::En] {
                assert!(entry.title(language).len() > 5 && entry.remedy(language).len() > 10, "{}", entry.text);
            }
            assert_eq!(blanks(entry.title(Language::Fr)), blanks(entry.title(Language::En)), "{}", entry.text);
            assert_eq!(blanks(entry.remedy(Language::Fr)), blanks(entry.remedy(Language::En)), "{}", entry.text);
        }
    }

    #[test]
    fn blanks_are_filled_and_values_are_never_read_as_blanks() {
        let fault = Fault::new(Code::Duplicate).with("first", "{first}");
        assert_eq!(fault.title(Language::En), "Already dropped: this file is identical to flow {first}");
        assert!(Fault::new(Code::Duplicate).title(Language::Fr).ends_with("flux ?"));
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(serde_json::from_str::<Fault>(&text).unwrap(), fault);
    }
}
