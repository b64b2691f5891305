// Made by tests/web/types.mjs; do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description What is recommended to whoever has to decide on a picture.
         * @enum {unknown}
         */
        Action: "allow" | "label" | "review" | "escalate";
        /** @description A program or model. */
        AgentEvidence: {
            /** @description Its name. */
            name: string;
            /** @description Its version. */
            version: string | null;
        };
        /**
         * @description Whether the picture shows what the record's picture showed.
         * @enum {unknown}
         */
        Binding: "same" | "different" | "undecided" | "none";
        /** @description One soft binding of a recovered manifest against the picture. */
        BindingAgreement: {
            /** @description Algorithm name. */
            alg: string;
            /** @description Whether its value agrees. */
            agrees: boolean;
            /** @description How, or why not. */
            how: string;
        };
        /**
         * @description How much a trace is worth, strongest first.
         * @enum {unknown}
         */
        Class: "signed" | "pixel" | "vendor-verified" | "declared" | "weak";
        /** @description A status code of the specification or of the validator. */
        CodeEvidence: {
            /** @description The code. */
            code: string;
            /** @description What it means. */
            sentence: string;
            /** @description Whether something failed. */
            failed: boolean;
        };
        /** @description Whether the picture shows what the record's picture showed. */
        Comparison: {
            /** @description The value that the rules judge. */
            binding: components["schemas"]["Binding"];
            /** @description Normalised cross-correlation of local contrast, -1..=1; `None` when it was not needed. */
            score: number | null;
            /** @description How far the best position stands out from chance, standard deviations. */
            strength: number | null;
            /** @description Share of the examined picture that the issued one covers, 0..=1. */
            overlap: number | null;
        };
        /** @description The file as such. */
        Container: {
            /** @description `PNG`, `JPEG`, ... by content; `None` for no format we know. */
            format: string | null;
            /** @description Width in pixels, upright. */
            width: number | null;
            /** @description Height in pixels, upright. */
            height: number | null;
            /** @description Size in bytes. */
            bytes: number;
            /** @description SHA-256, hex; `None` when nothing could be read. */
            sha256: string | null;
            /** @description Bytes after the picture's end, which viewers do not show. */
            trailing_bytes: number;
        };
        /** @description Two findings that do not go together. */
        Contradiction: {
            /** @description A stable code. */
            code: string;
            /** @description The same for people. */
            sentence: string;
        };
        /** @description The time of issuing that counts. */
        CountedTime: {
            /** @description Who states it: `stamped` or `logged`. */
            source: components["schemas"]["TimelineGrade"];
            /** @description The time, RFC 3339. */
            when: string;
            /** @description The time-stamp authority, or the log. */
            by: string | null;
            /** @description The same for people. */
            sentence: string;
        };
        /** @description The evidence, by reader. */
        Evidence: {
            /** @description The manifest in the file. */
            manifest: components["schemas"]["ManifestEvidence"] | null;
            /** @description This home's mark in the pixels. */
            watermark: components["schemas"]["WatermarkEvidence"] | null;
            /** @description A match with the ledger that the content does not confirm. */
            faint_mark: components["schemas"]["FaintMark"] | null;
            /** @description The record that mark, file or manifest leads to. */
            ledger: components["schemas"]["LedgerEvidence"] | null;
            /** @description The manifest kept with that record, when the file does not carry it. */
            recovered_manifest: components["schemas"]["RecoveredManifest"] | null;
            /** @description The perceptual hash. */
            fingerprint: components["schemas"]["FingerprintEvidence"] | null;
            /** @description Traces of other generators, cameras and programs, strongest first. */
            signals: components["schemas"]["SignalEvidence"][];
            /** @description Marks that the file is said to carry and that cannot be read here. */
            unreadable_marks: components["schemas"]["UnreadableMarkEvidence"][];
            /** @description Times stated, stamped and logged, earliest first. */
            timeline: components["schemas"]["TimelineEntry"][];
            /** @description The time of issuing that counts: a trusted time-stamp's, else the ledger's. */
            counted_time?: components["schemas"]["CountedTime"];
        };
        /** @description A faint mark that fits an issued id, while the content does not show that it is that picture. It counts as no mark. */
        FaintMark: {
            /** @description Issued ids that it was compared with. */
            compared_ids: number;
        };
        /** @description One value of a trace. */
        FieldEvidence: {
            /** @description Its name. */
            name: string;
            /** @description Its value; `None` when it may tell of a person and the report is a public one. */
            value: string | null;
        };
        /**
         * @description What a verdict means for programs.
         * @enum {unknown}
         */
        Finding: "evidence" | "flagged" | "nothing" | "unchecked";
        /** @description The perceptual hash of the picture. */
        FingerprintEvidence: {
            /** @description PDQ hash, hex. */
            hash: string;
            /** @description PDQ quality, 0..=100; hashes below 50 are not compared. */
            quality: number;
            /** @description The most similar record, when nothing stronger led to one. */
            nearest: components["schemas"]["Nearest"] | null;
        };
        /** @description How a model made a picture. Never what it was asked for. */
        GenerationEvidence: {
            /** @description `embedded`, in the program that issued the picture, or `remote`. */
            backend: string;
            /** @description Identifier of the model. */
            model_id: string;
            /** @description Whether it is the demonstration model that ships with the program. */
            built_in: boolean;
            /** @description Licence of the weights, SPDX. */
            license: string | null;
            /** @description Licences of the training data, SPDX. */
            training_licenses: string[];
            /** @description Files of the weights. */
            weights: components["schemas"]["WeightsEvidence"][];
            /** @description Width of each picture that the model made, pixels. */
            width: number;
            /** @description Height of each picture that the model made, pixels. */
            height: number;
            /** @description Seeds of the pictures shown, in order. */
            seeds: number[];
            /** @description Denoising steps. */
            steps: number | null;
            /** @description Name of the sampler. */
            sampler: string | null;
            /** @description Guidance scale. */
            guidance: number | null;
        };
        /** @description How a picture was turned and scaled. */
        Geometry: {
            /** @description Degrees, -180..=180, clockwise, after the flip. */
            rotation: number;
            /** @description Examined pixels for one issued pixel; `None` where no record tells the size as issued. */
            scale: number | null;
            /** @description Mirrored left to right. */
            flip: boolean;
        };
        /** @description Where in a picture its mark reads. */
        HeatMapEvidence: {
            /** @description Cells in a row. */
            columns: number;
            /** @description Rows. */
            rows: number;
            /** @description A text a row with one letter a cell: `r` where the mark reads, `s` where it is silent although it should read, `u` where that is unclear. */
            classes: string[];
            /** @description Share of the picture in which the mark reads, 0..=1. */
            reads: number;
            /** @description Share of the picture in which the mark is silent although it should read, 0..=1. */
            silent: number;
        };
        /** @description Whether a record is in the signed log. */
        InclusionEvidence: {
            /** @description Proven against the signed checkpoint. */
            proven: boolean;
            /** @description Entries under that checkpoint. */
            tree_size: number | null;
            /** @description Its root, hex. */
            root: string | null;
            /** @description Why it is not proven. */
            problem: string | null;
        };
        /** @description A file that the picture was made from. */
        IngredientEvidence: {
            /** @description Title. May tell of a person. */
            title: string | null;
            /** @description Media type. */
            format: string | null;
            /** @description Such as `parentOf`. */
            relationship: string;
            /** @description Label of its manifest. */
            manifest_id: string | null;
            /** @description What its manifest is worth. */
            state: components["schemas"]["IngredientState"];
            /** @description The same for people. */
            sentence: string;
            /** @description What failed. */
            codes: components["schemas"]["CodeEvidence"][];
            /** @description Its manifest, where it has one and it was not told of before. */
            manifest: components["schemas"]["NodeEvidence"] | null;
        };
        /**
         * @description What an ingredient's manifest is worth. Never mixed into the verdicts on the file itself.
         * @enum {unknown}
         */
        IngredientState: "no-manifest" | "trusted" | "untrusted" | "problems" | "not-checked";
        /** @description An erasure in a record. Its public facts and its place in the log stay. */
        ErasedEvidence: {
            /** @description When, RFC 3339. */
            on: string;
            /** @description `request`, `retention`, `legal`, `mistake` or `content`. */
            reason: string;
            /** @description `private` for prompt, title, requester, mark and fingerprint; `manifest` for the manifest's bytes. */
            parts: string[];
        };
        /** @description Public facts of a ledger record. */
        LedgerEvidence: {
            /** @description Its number in its shard. */
            record: number;
            /** @description The shard of the log that holds it, such as `2026h2`. */
            shard: string;
            /** @description Name of the log. */
            origin: string;
            /** @description How it was found, strongest first. */
            matched_by: components["schemas"]["Matched"][];
            /** @description Time of issue, RFC 3339. */
            issued_at: string;
            /** @description `generate` or `stamp`. */
            kind: string;
            /** @description The model or program recorded. */
            generator: components["schemas"]["AgentEvidence"] | null;
            /** @description How the model made the picture; of records of kind `generate`. */
            generation: components["schemas"]["GenerationEvidence"] | null;
            /** @description The digital source type recorded. */
            source_type: string;
            /** @description SHA-256 of the issued file, hex. */
            asset_sha256: string;
            /** @description Label of the recorded manifest. */
            manifest_id: string;
            /** @description Width of the issued picture, pixels. */
            width: number;
            /** @description Height of the issued picture, pixels. */
            height: number;
            /** @description Whether it was issued with a mark. */
            marked: boolean;
            /** @description Whether the record is in the signed log. */
            inclusion: components["schemas"]["InclusionEvidence"];
            /** @description Picture against record. */
            comparison: components["schemas"]["Comparison"];
            /** @description What was erased of it since. */
            erased: components["schemas"]["ErasedEvidence"] | null;
        };
        /** @description A manifest: what it says and what it is worth. */
        ManifestEvidence: {
            /** @description The value that the rules judge. */
            state: components["schemas"]["ManifestState"];
            /** @description Its label. */
            id: string | null;
            /** @description One sentence when there is no manifest to show, such as one that is kept elsewhere. */
            note: string | null;
            /** @description Version of the claim: 1 or 2. */
            claim_version: number | null;
            /** @description The program that wrote it. */
            claim_generator: components["schemas"]["AgentEvidence"] | null;
            /** @description All programs named as its writers. */
            claim_generators: components["schemas"]["AgentEvidence"][];
            /** @description The specification version that it claims to follow. */
            spec_version: string | null;
            /** @description Who signed: only a name, unless the trust verdict says otherwise. */
            signer: components["schemas"]["SignerEvidence"] | null;
            /** @description Title of the picture. May tell of a person. */
            title: string | null;
            /** @description Digital source types of all actions. */
            source_types: string[];
            /** @description Actions in order. */
            actions: string[];
            /** @description What actions say of themselves in words. */
            descriptions: string[];
            /** @description Every model or program that an action names. */
            software_agents: components["schemas"]["AgentEvidence"][];
            /** @description What generators tell of model and operation; never a prompt. */
            ai_parameters: components["schemas"]["ValueEvidence"][];
            /** @description Labels of all statements. */
            assertions: string[];
            /** @description The model or program of the first action. */
            software_agent: components["schemas"]["AgentEvidence"] | null;
            /** @description The time claimed by the first action. */
            claimed_time: string | null;
            /** @description How a model made the picture, as our own manifests say. */
            generation: components["schemas"]["GenerationEvidence"] | null;
            /** @description Why the picture was issued without a mark, as our own manifests say. */
            unmarked_reason: string | null;
            /** @description The log that records the picture, as our own manifests say. */
            ledger_origin: string | null;
            /** @description The files it was made from. */
            ingredients: components["schemas"]["IngredientEvidence"][];
            /** @description One sentence when some of them are neither shown nor judged. */
            ingredients_note: string | null;
            /** @description Places on the network that it names. None of them was asked. */
            references: components["schemas"]["ReferenceEvidence"][];
            /** @description Labels of the statements that may tell of a person. */
            personal_assertions: string[];
            /** @description What those say; of full reports only. */
            personal: components["schemas"]["ValueEvidence"][];
            /** @description Integrity, signature, time, trust, revocation and identity, each apart. */
            verdicts: components["schemas"]["VerdictsEvidence"] | null;
            /** @description What this machine's own list says of the certificate. */
            revoked: components["schemas"]["RevokedEvidence"] | null;
        };
        /**
         * @description What is known of the C2PA manifest in the file.
         * @enum {unknown}
         */
        ManifestState: "absent" | "remote-only" | "malformed" | "altered" | "signature-bad" | "expired" | "untrusted" | "local" | "trusted" | "not-checked";
        /**
         * @description How an id was found.
         * @enum {unknown}
         */
        MarkSource: "read" | "matched-by-ledger";
        /**
         * @description How strong a mark is.
         * @enum {unknown}
         */
        MarkStrength: "clear" | "weak" | "matched";
        /**
         * @description How a record was found.
         * @enum {unknown}
         */
        Matched: "watermark" | "asset-hash" | "manifest";
        /** @description A record whose picture looks alike: a weak sign. */
        Nearest: {
            /** @description Its number in its shard. */
            record: number;
            /** @description The shard of the log that holds it. */
            shard: string;
            /** @description Differing bits, 0..=31. */
            distance: number;
            /** @description Time of issue, RFC 3339. */
            issued_at: string;
            /** @description The model or program recorded. */
            generator: components["schemas"]["AgentEvidence"] | null;
        };
        /** @description The manifest of an ingredient or of an earlier state, judged by itself. */
        NodeEvidence: {
            /** @description The programs that wrote it. */
            claim_generators: components["schemas"]["AgentEvidence"][];
            /** @description Who signed: only a name, unless the trust verdict says otherwise. */
            signer: components["schemas"]["SignerEvidence"] | null;
            /** @description Title of the picture. May tell of a person. */
            title: string | null;
            /** @description Digital source types of all actions. */
            source_types: string[];
            /** @description Actions in order. */
            actions: string[];
            /** @description Every model or program that an action names. */
            software_agents: components["schemas"]["AgentEvidence"][];
            /** @description The verdicts on it. */
            verdicts: components["schemas"]["VerdictsEvidence"];
            /** @description The files it was made from. */
            ingredients: components["schemas"]["IngredientEvidence"][];
        };
        /** @description Something that was not checked. */
        NotChecked: {
            /** @description What. */
            what: string;
            /** @description Why. */
            why: string;
        };
        /**
         * @description The answer in one word.
         * @enum {unknown}
         */
        Outcome: "evidence-found" | "flagged" | "could-not-check" | "nothing-found";
        /** @description A manifest taken from the ledger. */
        RecoveredManifest: {
            /** @description Whether every soft binding in it agrees with what was read from this picture. Only then does it count as this picture's. */
            agrees: boolean;
            /** @description Each soft binding. */
            bindings: components["schemas"]["BindingAgreement"][];
            /** @description The manifest. It was signed over the original file, so that its hash over the file does not fit this one is expected. */
            manifest: components["schemas"]["ManifestEvidence"];
        };
        /** @description A place on the network that a manifest names. */
        ReferenceEvidence: {
            /** @description What is to be had there: `manifest`, `ocsp`, `did`, `cloud-data`, `ingredient` or `other`. */
            kind: string;
            /** @description The same for people. */
            what: string;
            /** @description Its address. */
            url: string;
        };
        /** @description Why a picture could not be decoded. */
        ReportError: {
            /** @description `picture`, `limit`, `unsupported`, `request` or `system`: who can put it right; `crashed`, `timed-out` or `out-of-memory` when the process that looked at the picture ended. */
            kind: string;
            /** @description What is wrong and what can be done. */
            message: string;
        };
        /** @description What the rules make of the evidence. */
        ReportVerdict: {
            /** @description Id of the rule that matched. */
            rule: string;
            /** @description For programs. */
            finding: components["schemas"]["Finding"];
            /** @description What is recommended, by the policy. */
            action: components["schemas"]["Action"];
            /** @description One plain sentence or two. */
            headline: string;
            /** @description Why, and what it does not mean. */
            explanation: string;
            /** @description The facts judged, `signal=value`. */
            reasons: string[];
            /** @description What does not go together, gravest first. */
            contradictions: components["schemas"]["Contradiction"][];
        };
        /** @description An entry of this machine's own list of revoked certificates. */
        RevokedEvidence: {
            /** @description From when on, RFC 3339. */
            from: string;
            /** @description Why, such as `keyCompromise`. */
            reason: string | null;
        };
        /**
         * @description What a trace says of how the picture came to be.
         * @enum {unknown}
         */
        Says: "generated" | "partly-generated" | "possibly-generated" | "captured" | "made" | "unstated";
        /** @description One trace of a generator, a camera or a program. */
        SignalEvidence: {
            /** @description Whose, as a stable code. */
            source: components["schemas"]["Source"];
            /** @description Whose, for people. */
            name: string;
            /** @description What it is worth. */
            class: components["schemas"]["Class"];
            /** @description What it says of how the picture came to be. */
            says: components["schemas"]["Says"];
            /** @description The product or model named. */
            tool: string | null;
            /** @description Its version. */
            version: string | null;
            /** @description Where it stands. */
            places: string[];
            /** @description What was found there. */
            fields: components["schemas"]["FieldEvidence"][];
            /** @description A sentence about this trace. */
            note: string | null;
        };
        /** @description Names in the signing certificate. */
        SignerEvidence: {
            /** @description Organisation. */
            organisation: string | null;
            /** @description Common name. */
            common_name: string | null;
            /** @description SHA-256 of each certificate of the chain, leaf first, hex. */
            chain_sha256: string[];
            /** @description Time of the time-stamp, when there is one. */
            stamped_at: string | null;
            /** @description Name of the time-stamp authority as its certificate states it. */
            stamped_by?: string;
        };
        /**
         * @description Whose trace it is.
         * @enum {unknown}
         */
        Source: "openai" | "google" | "microsoft" | "adobe" | "black-forest-labs" | "samsung" | "stability-ai" | "canva" | "bytedance" | "recraft" | "imagekit" | "amazon" | "midjourney" | "stable-diffusion-webui" | "stable-diffusion-cpp" | "comfyui" | "swarmui" | "invokeai" | "fooocus" | "easy-diffusion" | "draw-things" | "novelai" | "diffusers" | "stable-diffusion" | "meta" | "xai" | "ideogram" | "reve" | "hugging-face" | "tc260" | "iptc" | "camera" | "credentials" | "other";
        /** @description A time. */
        TimelineEntry: {
            /** @description RFC 3339, as far as stated. */
            when: string;
            /** @description What happened then, as a stable code such as `captured`. */
            what: string;
            /** @description The same for people. */
            sentence: string;
            /** @description Where it stands. */
            place: string;
            /** @description Who vouches for it. */
            grade: components["schemas"]["TimelineGrade"];
        };
        /**
         * @description Who vouches for a time.
         * @enum {unknown}
         */
        TimelineGrade: "declared" | "signed" | "stamped" | "logged";
        /** @description Who checked, and against what. */
        Tool: {
            /** @description `colophon`. */
            name: string;
            /** @description Its version. */
            version: string;
            /** @description The manifest validator. */
            validator: string;
            /** @description Hash of the verdict table, hex. */
            policy: string;
            /** @description The trust lists asked. */
            trust_lists: components["schemas"]["TrustListEvidence"][];
            /** @description Language of the sentences. */
            language: string;
            /** @description What confined the readers: `landlock`, `seccomp`, `rlimits`; empty when they ran unconfined. */
            confinement: string[];
        };
        /** @description A trust list that was asked. */
        TrustListEvidence: {
            /** @description Its name. */
            name: string;
            /** @description Its kind, which is the colour of the trust that it gives: `official`, `legacy` or `local`. */
            kind: string;
            /** @description When it was issued, `YYYY-MM-DD`, where known. */
            issued: string | null;
            /** @description When it was to be replaced, `YYYY-MM-DD`, where known. */
            next_update: string | null;
            /** @description Whether that day has passed. */
            stale: boolean;
        };
        /** @description A mark that the file is said to carry and that cannot be read here. */
        UnreadableMarkEvidence: {
            /** @description Its name. */
            name: string;
            /** @description Whose, as a stable code. */
            source: components["schemas"]["Source"];
            /** @description What names it. */
            named_by: string;
            /** @description Where its owner offers a check; nothing was sent there. */
            check_at: string | null;
        };
        /** @description A value with its name. */
        ValueEvidence: {
            /** @description Its name. */
            name: string;
            /** @description The value as text. */
            value: string;
        };
        /** @description One verdict. */
        VerdictEvidence: {
            /** @description Its state, such as `intact`; of a listed signer with the kind of list, such as `trusted-official`. */
            state: string;
            /** @description The list that anchors the signer. */
            list: string | null;
            /** @description One sentence for people. */
            sentence: string;
            /** @description The status codes behind it, failures first. */
            codes: components["schemas"]["CodeEvidence"][];
        };
        /** @description The verdicts on one manifest. None of them follows from another. */
        VerdictsEvidence: {
            /** @description Are the bytes and the statements those that were signed? */
            integrity: components["schemas"]["VerdictEvidence"];
            /** @description Does the signature check out? */
            signature: components["schemas"]["VerdictEvidence"];
            /** @description Is the time of signing known, and was the certificate in force then? */
            time: components["schemas"]["VerdictEvidence"];
            /** @description Does the certificate lead to a list? */
            trust: components["schemas"]["VerdictEvidence"];
            /** @description Was the certificate revoked? */
            revocation: components["schemas"]["VerdictEvidence"];
            /** @description Does a person or organisation besides the signer vouch for it? */
            identity: components["schemas"]["VerdictEvidence"];
        };
        /** @description A mark that was read or matched. */
        WatermarkEvidence: {
            /** @description The id, 16 hex digits. */
            payload: string;
            /** @description How the id was found. */
            source: components["schemas"]["MarkSource"];
            /** @description Issued ids that the mark was compared with; `None` when it was read. */
            compared_ids: number | null;
            /** @description How strong it is. */
            strength: components["schemas"]["MarkStrength"];
            /** @description Log10 of the bound on the probability that an unmarked picture gives any id; only with `--full`. */
            log10_false_positive?: number;
            /** @description How the picture was turned since it was marked. */
            geometry: components["schemas"]["Geometry"];
            /** @description Where in the picture the mark reads; only where it was asked for. */
            heat_map?: components["schemas"]["HeatMapEvidence"];
            /** @description Id of the key that it was made with, when that is a former one. */
            former_key?: string;
        };
        /** @description One file of a model's weights. */
        WeightsEvidence: {
            /** @description Its name. */
            file: string;
            /** @description SHA-256 of its bytes, hex. */
            sha256: string;
        };
        /**
         * Colophon report, version 3
         * @description Everything found about one picture. Holds no prompt, no place and no name of a person.
         */
        Report: {
            /**
             * @description Version of this form.
             * @constant
             */
            colophon_report: 3;
            /** @description Name of the file, as given. */
            file: string;
            /** @description The answer in one word. */
            outcome: components["schemas"]["Outcome"];
            /** @description Why the picture could not be decoded. */
            error: components["schemas"]["ReportError"] | null;
            /** @description The file as such. */
            container: components["schemas"]["Container"];
            /** @description What the rules make of the evidence. */
            verdict: components["schemas"]["ReportVerdict"];
            /** @description The evidence. */
            evidence: components["schemas"]["Evidence"];
            /** @description What was not checked, and why. */
            not_checked: components["schemas"]["NotChecked"][];
            /** @description Who checked, and against what. */
            tool: components["schemas"]["Tool"];
            /** @description Milliseconds that it took. */
            elapsed_ms: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;

export type Schemas = components["schemas"];
export type Report = Schemas["Report"];
