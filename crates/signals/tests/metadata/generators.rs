//! Programs that people run themselves, and services that write text.

use colophon_signals::{Class, Says, Source};

use super::build::*;
use super::{field, is_personal, read, signal};

const A1111: &str = "a red fox, (snow:1.2)\nNegative prompt: blurry, text\nSteps: 20, Sampler: DPM++ 2M, \
    Schedule type: Karras, CFG scale: 7, Seed: 235284042, Size: 512x768, Model hash: c0d1994c73, Model: realisticVision_v20, \
    Lora hashes: \"a: 12, b: 34\", Version: v1.9.4";

#[test]
fn the_web_uis_text_in_every_place() {
    let files = [
        png_texts(&[("parameters", A1111)]),
        png(&[packed_text("parameters", A1111)]),
        png(&[international("parameters", A1111)]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(A1111, true)], true))]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(A1111, false)], true))]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(A1111, false)], false))]),
        jpeg(&[(0xfe, A1111.as_bytes().to_vec())]),
        webp(&[(b"EXIF", tiff(&[], &[comment(A1111, true)], true))]),
        avif(&tiff(&[], &[comment(A1111, true)], true), ""),
        png(&[(b"eXIf", tiff(&[], &[comment(A1111, true)], true))]),
    ];
    for (index, file) in files.iter().enumerate() {
        let found = signal(file, Source::WebUi);
        assert_eq!(
            (found.class, found.says),
            (Class::Declared, Says::Generated),
            "{index}"
        );
        assert_eq!(found.tool.as_deref(), Some("realisticVision_v20"));
        assert_eq!(field(&found, "Seed"), "235284042");
        assert_eq!(field(&found, "Lora hashes"), "a: 12, b: 34");
        assert_eq!(field(&found, "Prompt"), "a red fox, (snow:1.2)");
        assert!(is_personal(&found, "Prompt") && is_personal(&found, "Negative prompt"));
        assert!(!is_personal(&found, "Model"));
    }
}

#[test]
fn its_kin_are_told_apart() {
    let with = |version: &str| {
        png_texts(&[(
            "parameters",
            &format!("fox\nSteps: 9, Sampler: Euler, Seed: 1, {version}"),
        )])
    };
    assert_eq!(
        signal(&with("Version: stable-diffusion.cpp"), Source::SdCpp).tool,
        None
    );
    let forge = signal(&with("Version: f2.0.1v1.10.1-previous-669"), Source::WebUi);
    assert_eq!(
        (forge.tool.as_deref(), forge.version.as_deref()),
        (Some("Forge"), Some("f2.0.1v1.10.1-previous-669"))
    );
    assert_eq!(
        signal(&with("App: SD.Next, Version: 0a12b3c"), Source::WebUi)
            .tool
            .as_deref(),
        Some("SD.Next")
    );
    assert_eq!(
        signal(&with("Version: ComfyUI"), Source::ComfyUi).says,
        Says::Generated
    );
    let upscaled = png_texts(&[(
        "postprocessing",
        "Postprocess upscale by: 4, Postprocess upscaler: R-ESRGAN 4x+",
    )]);
    assert_eq!(
        signal(&upscaled, Source::WebUi).says,
        Says::PossiblyGenerated
    );
}

const GRAPH: &str = r#"{"3": {"inputs": {"seed": 12, "steps": 20, "cfg": 8.0, "sampler_name": "euler", "model": ["4", 0]},
    "class_type": "KSampler", "is_changed": [NaN]}, "4": {"inputs": {"ckpt_name": "v1-5.safetensors"}, "class_type": "CheckpointLoaderSimple"},
    "6": {"inputs": {"text": "a fox", "clip": ["4", 1]}, "class_type": "CLIPTextEncode"}}"#;
const WORKFLOW: &str = r#"{"last_node_id": 9, "last_link_id": 9, "nodes": [{"id": 3, "type": "KSampler", "widgets_values": [12, "randomize"]},
    {"id": 4, "type": "CheckpointLoader", "widgets_values": ["v1-inference.yaml", "v1-5.safetensors"]}], "links": [], "version": 0.4}"#;

#[test]
fn comfyui_in_png_webp_jpeg_and_mp4() {
    let make = format!("workflow:{WORKFLOW}");
    let model = format!("prompt:{GRAPH}");
    let exif = tiff(&[ascii(0x10f, &make), ascii(0x110, &model)], &[], false);
    let escaped = serde_json::json!({"prompt": GRAPH.replace("NaN", "null"), "workflow": WORKFLOW})
        .to_string();
    for file in [
        png_texts(&[("prompt", GRAPH), ("workflow", WORKFLOW)]),
        webp(&[(b"EXIF", exif.clone())]),
        webp(&[(b"EXIF", [b"Exif\0\0", exif.as_slice()].concat())]),
        jpeg(&[app1_exif(&exif)]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(&escaped, true)], true))]),
        mp4(&[("prompt", GRAPH), ("workflow", WORKFLOW)]),
        mp4(&[("comment", &escaped)]),
        avif(
            &exif,
            &packet(
                "",
                &format!(
                    "<comfy:prompt>{}</comfy:prompt>",
                    GRAPH.replace('"', "&quot;")
                ),
            ),
        ),
        jpeg(&[app1_exif(&tiff(&[], &[comment(GRAPH, true)], true))]),
    ] {
        let found = signal(&file, Source::ComfyUi);
        assert_eq!(
            (found.class, found.says),
            (Class::Declared, Says::Generated)
        );
        assert_eq!(found.tool.as_deref(), Some("v1-5.safetensors"));
        assert_eq!(field(&found, "steps"), "20");
        assert!(is_personal(&found, "text"));
    }
    // The editor's graph alone names the model too, and not its configuration.
    assert_eq!(
        signal(&png_texts(&[("workflow", WORKFLOW)]), Source::ComfyUi)
            .tool
            .as_deref(),
        Some("v1-5.safetensors")
    );
}

#[test]
fn comfyui_says_less_where_its_graph_says_less() {
    let edit = GRAPH.replace("\"6\"", r#""8": {"inputs": {"image": "me.png"}, "class_type": "LoadImage"}, "9": {"inputs": {}, "class_type": "VAEEncode"}, "6""#);
    assert_eq!(
        signal(&png_texts(&[("prompt", &edit)]), Source::ComfyUi).says,
        Says::PartlyGenerated
    );
    let crop = r#"{"1": {"inputs": {"image": "me.png"}, "class_type": "LoadImage"}, "2": {"inputs": {"width": 9}, "class_type": "ImageCrop"}}"#;
    assert_eq!(
        signal(&png_texts(&[("prompt", crop)]), Source::ComfyUi).says,
        Says::PossiblyGenerated
    );
}

#[test]
fn swarmui() {
    let json = r#"{"sui_image_params": {"prompt": "a fox", "model": "Flux/flux1-dev", "seed": 7, "swarm_version": "0.9.3.1"}, "sui_extra_data": {}}"#;
    for file in [
        png_texts(&[("parameters", json)]),
        jpeg(&[app1_exif(&tiff(&[], &[comment(json, true)], true))]),
        jpeg(&[app1_exif(&tiff(&[ascii(0x110, json)], &[], true))]),
    ] {
        let found = signal(&file, Source::SwarmUi);
        assert_eq!(found.tool.as_deref(), Some("Flux/flux1-dev"));
        assert_eq!(field(&found, "swarm_version"), "0.9.3.1");
        assert!(is_personal(&found, "prompt"));
        assert_eq!(read(&file).signals.len(), 1);
    }
}

#[test]
fn invokeai_three_generations() {
    let third = r#"{"app_version": "3.3.0", "generation_mode": "txt2img", "positive_prompt": "fox", "seed": 3, "model": {"model_name": "amixx"}}"#;
    let second = r#"{"model": "stable diffusion", "model_weights": "deliberate", "app_id": "invoke-ai/InvokeAI", "app_version": "2.3.0",
        "image": {"prompt": [{"prompt": "fox", "weight": 1}], "type": "img2img", "sampler": "k_lms", "steps": 50}}"#;
    let first = r#""a red fox" -s 50 -S 2980747362 -W 512 -H 768 -C 5.0 -A k_lms"#;
    let found = signal(
        &png_texts(&[("invokeai_metadata", third)]),
        Source::InvokeAi,
    );
    assert_eq!(
        (found.tool.as_deref(), field(&found, "app_version")),
        (Some("amixx"), "3.3.0")
    );
    let found = signal(&png_texts(&[("sd-metadata", second)]), Source::InvokeAi);
    assert_eq!(
        (found.tool.as_deref(), found.says),
        (Some("deliberate"), Says::PartlyGenerated)
    );
    let found = signal(&png_texts(&[("Dream", first)]), Source::InvokeAi);
    assert_eq!(
        (field(&found, "seed"), field(&found, "sampler")),
        ("2980747362", "k_lms")
    );
    let both = read(&png_texts(&[
        ("Dream", first),
        ("invokeai_metadata", third),
    ]))
    .signals;
    assert_eq!((both.len(), both[0].places.len()), (1, 2));
}

#[test]
fn fooocus_and_its_forms() {
    let json = r#"{"adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash": "aeb7e9e689", "prompt": "fox",
        "full_prompt": ["fox"], "metadata_scheme": "fooocus", "seed": "1", "version": "Fooocus v2.3.1"}"#;
    let old = r#"{"Prompt": "fox", "Performance": "Speed", "Base Model": "juggernautXL_v8", "Sharpness": 2, "Seed": 1}"#;
    let maker = (0x927c, 7, b"fooocus".to_vec());
    let software = ascii(0x131, "Fooocus v2.3.1");
    for file in [
        png_texts(&[("parameters", json), ("fooocus_scheme", "fooocus")]),
        jpeg(&[app1_exif(&tiff(
            std::slice::from_ref(&software),
            &[maker.clone(), comment(json, true)],
            true,
        ))]),
        jpeg(&[(0xfe, old.as_bytes().to_vec())]),
        png_texts(&[("Comment", old)]),
    ] {
        let found = signal(&file, Source::Fooocus);
        assert_eq!(found.tool.as_deref(), Some("juggernautXL_v8"));
    }
    let text = "fox\nSteps: 30, Sampler: dpmpp_2m, Seed: 1, Model: jugger, Version: Fooocus v2.3.1";
    let scheme = (0x927c, 7, b"a1111\0".to_vec());
    let file = jpeg(&[app1_exif(&tiff(
        &[software],
        &[scheme, comment(text, true)],
        true,
    ))]);
    assert_eq!(
        signal(&file, Source::Fooocus).tool.as_deref(),
        Some("jugger")
    );
    assert!(
        read(&file)
            .signals
            .iter()
            .all(|signal| signal.source == Source::Fooocus)
    );
}

#[test]
fn easy_diffusion_and_draw_things() {
    let keys = [
        ("use_stable_diffusion_model", "sd-v1-5"),
        ("num_inference_steps", "25"),
        ("negative_prompt", "text"),
        ("prompt", "fox"),
    ];
    let found = signal(&png_texts(&keys), Source::EasyDiffusion);
    assert_eq!(found.tool.as_deref(), Some("sd-v1-5"));
    assert!(is_personal(&found, "Prompt"));
    let old = [
        ("Prompt", "fox"),
        ("Negative Prompt", "text"),
        ("Steps", "25"),
        ("Guidance Scale", "7.5"),
        ("Seed", "3"),
    ];
    signal(&png_texts(&old), Source::EasyDiffusion);
    let json = r#"{"use_stable_diffusion_model": "sd-v1-5", "seed": 3, "prompt": "fox", "num_inference_steps": 25}"#;
    signal(
        &jpeg(&[app1_exif(&tiff(&[], &[comment(json, true)], true))]),
        Source::EasyDiffusion,
    );

    let json = r#"{"c":"fox","uc":"text","model":"sd_v1.5_f16.ckpt","sampler":"DPM++ 2M Karras","seed":12,"steps":30,"scale":7.5}"#;
    let xmp = packet(
        r#"xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Draw Things""#,
        &format!(
            "<exif:UserComment><rdf:Alt><rdf:li xml:lang='x-default'>{}</rdf:li></rdf:Alt></exif:UserComment>",
            json.replace('"', "&quot;")
        ),
    );
    let found = signal(
        &png(&[international("XML:com.adobe.xmp", &xmp)]),
        Source::DrawThings,
    );
    assert_eq!(
        (found.class, found.tool.as_deref()),
        (Class::Declared, Some("sd_v1.5_f16.ckpt"))
    );
    let text = "fox\nSteps: 30, Sampler: Euler, Guidance Scale: 5.0, Seed: 1, Size: 512x768, Model: flux_1_dev.ckpt, Seed Mode: Scale Alike";
    let xmp = packet(
        "",
        &format!("<dc:description><rdf:Alt><rdf:li>{text}</rdf:li></rdf:Alt></dc:description>"),
    );
    let found = signal(&jpeg(&[app1_xmp(&xmp)]), Source::DrawThings);
    assert_eq!(found.tool.as_deref(), Some("flux_1_dev.ckpt"));
}

#[test]
fn novelai_as_text_and_as_json() {
    let comment_json = r#"{"steps": 28, "sampler": "k_euler", "seed": 5, "uc": "lowres", "request_type": "PromptGenerateRequest", "signed_hash": "AAAA"}"#;
    let texts = [
        ("Title", "NovelAI generated image"),
        ("Description", "a fox"),
        ("Software", "NovelAI"),
        ("Source", "NovelAI Diffusion V4.5 1229B44F"),
        ("Generation time", "2.1"),
        ("Comment", comment_json),
    ];
    let found = signal(&png_texts(&texts), Source::NovelAi);
    assert_eq!(
        found.tool.as_deref(),
        Some("NovelAI Diffusion V4.5 1229B44F")
    );
    assert_eq!(
        (found.class, found.note),
        (Class::Declared, Some("novelai-signature"))
    );
    assert!(is_personal(&found, "Description") && is_personal(&found, "uc"));
    assert_eq!(read(&png_texts(&texts)).signals.len(), 1);
    let object: serde_json::Map<String, serde_json::Value> = texts
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).into()))
        .collect();
    let json = serde_json::Value::Object(object).to_string();
    signal(
        &webp(&[(b"EXIF", tiff(&[], &[comment(&json, true)], true))]),
        Source::NovelAi,
    );
    let old = [
        ("Title", "AI generated image"),
        ("Software", "NovelAI"),
        ("Source", "Stable Diffusion 1D44365E"),
    ];
    assert_eq!(
        signal(&png_texts(&old), Source::NovelAi).tool.as_deref(),
        Some("Stable Diffusion 1D44365E")
    );
}

const JOB: &str = "2b6e053b-9a65-4ca9-9e13-b6f4465164d4";

#[test]
fn midjourneys_four_dialects() {
    let prompt = format!("a fox in the snow --ar 4:3 --v 5.2 Job ID: {JOB}");
    let texts = png_texts(&[
        ("Description", &prompt),
        ("Author", "somebody"),
        ("Creation Time", "Wed, 26 Jul 2023 18:25:33 GMT"),
    ]);
    let found = signal(&texts, Source::Midjourney);
    assert_eq!(
        (found.class, found.version.as_deref()),
        (Class::Declared, Some("5.2"))
    );
    assert!(
        ["Job ID", "Author", "Description"]
            .iter()
            .all(|name| is_personal(&found, name))
    );
    assert_eq!(read(&texts).dates[0].when, "2023-07-26T18:25:33Z");
    for file in [
        jpeg(&[app1_exif(&tiff(&[ascii(0x10e, &prompt)], &[], false))]),
        jpeg(&[app13_iim(&[(120, &prompt)])]),
        jpeg(&[app1_xmp(&packet(
            "",
            &format!(
                "<dc:description><rdf:Alt><rdf:li>{prompt}</rdf:li></rdf:Alt></dc:description>"
            ),
        ))]),
    ] {
        assert_eq!(signal(&file, Source::Midjourney).class, Class::Declared);
    }
    let xmp = packet(
        &format!(
            r#"xmlns:iptcExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" iptcExt:DigImageGUID="{JOB}" iptcExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia""#
        ),
        "",
    );
    for file in [
        png_texts(&[("XML:com.adobe.xmp", &xmp)]),
        webp(&[(b"XMP ", xmp.clone().into_bytes())]),
    ] {
        assert_eq!(signal(&file, Source::Midjourney).class, Class::Declared);
        assert_eq!(signal(&file, Source::Iptc).says, Says::Generated);
    }
    let flags = png_texts(&[("Description", "a fox --ar 16:9 --niji 6")]);
    let found = signal(&flags, Source::Midjourney);
    assert_eq!(
        (found.class, found.tool.as_deref(), found.version.as_deref()),
        (Class::Weak, Some("Niji"), Some("6"))
    );
    let program = jpeg(&[app1_exif(&tiff(&[ascii(0x131, "Midjourney")], &[], false))]);
    assert_eq!(signal(&program, Source::Midjourney).class, Class::Weak);
}
