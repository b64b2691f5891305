"""Writes pictures with metadata by other people's libraries into the folder given.

Exit status 3 when a module is missing.
"""

import json
import os
import sys

try:
    import piexif
    import piexif.helper
    import pyexiv2
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo
except ImportError as error:
    print(error)
    sys.exit(3)

OUT = sys.argv[1]
PARAMETERS = (
    "a fox, größer\nNegative prompt: text\n"
    "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 512x512, Model: piexif_model"
)
GRAPH = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 42, "steps": 20}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "pillow.safetensors"}},
}
WORKFLOW = {"last_node_id": 1, "last_link_id": 0, "nodes": [{"id": 1, "type": "KSampler"}], "links": [], "version": 0.4}
LABEL = {"Label": "1", "ContentProducer": "001191110102MACQD9K64010000", "ProduceID": "p-1"}
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:AISystemUsed="Pillow XMP" '
    'e:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>'
    "</rdf:RDF></x:xmpmeta>"
)
picture = Image.new("RGB", (16, 16), (200, 30, 40))


def path(name):
    return os.path.join(OUT, name)


def png(name, texts, kind="add_text", **options):
    info = PngInfo()
    for key, value in texts.items():
        getattr(info, kind)(key, value, **options)
    picture.save(path(name), pnginfo=info)


png("web-ui.text.png", {"parameters": PARAMETERS})
png("web-ui.packed.png", {"parameters": PARAMETERS}, zip=True)
png("web-ui.international.png", {"parameters": PARAMETERS}, "add_itxt", zip=True)
png("comfyui.png", {"prompt": json.dumps(GRAPH), "workflow": json.dumps(WORKFLOW)})
png("label.png", {"AIGC": json.dumps(LABEL)})
png("iptc.png", {"XML:com.adobe.xmp": XMP}, "add_itxt")

# As ComfyUI's and SwarmUI's savers do it with Pillow.
exif = Image.Exif()
exif[0x010F] = "workflow:" + json.dumps(WORKFLOW)
exif[0x0110] = "prompt:" + json.dumps(GRAPH)
picture.save(path("comfyui.webp"), exif=exif)
picture.save(path("iptc.webp"), xmp=XMP.encode())
picture.save(path("iptc.jpg"), xmp=XMP.encode())

# As Fooocus does it.
exif = Image.Exif()
exif[0x9286] = json.dumps({"prompt": "fox", "base_model": "jugger", "full_prompt": ["fox"], "seed": 1})
exif[0x0131] = "Fooocus v2.5.5"
exif[0x927C] = "fooocus"
for name in ("fooocus.jpg", "fooocus.webp"):
    picture.save(path(name), exif=exif)

# As the reference code of FLUX does it.
exif = Image.Exif()
exif[0x0131] = "AI generated;txt2img;flux"
exif[0x010F] = "Black Forest Labs"
exif[0x0110] = "flux-schnell"
exif[0x010E] = "a fox"
picture.save(path("flux.jpg"), exif=exif, quality=95)
picture.save(path("flux.png"), exif=exif)
picture.save(path("flux.tif"), exif=exif, tiffinfo={k: v for k, v in exif.items()})

# As the web UI does it.
comment = piexif.helper.UserComment.dump(PARAMETERS, encoding="unicode")
for name in ("web-ui.jpg", "web-ui.webp"):
    picture.save(path(name))
    piexif.insert(piexif.dump({"Exif": {piexif.ExifIFD.UserComment: comment}}), path(name))
picture.save(path("label.jpg"))
plain = piexif.helper.UserComment.dump(json.dumps({"AIGC": LABEL}), encoding="ascii")
piexif.insert(piexif.dump({"Exif": {piexif.ExifIFD.UserComment: plain}}), path("label.jpg"))

picture.save(path("midjourney.gif"), comment=b"a fox --v 6.1 --ar 1:1 Job ID: 2b6e053b-9a65-4ca9-9e13-b6f4465164d4")

# Exiv2 writes XMP and IPTC-IIM into each of its containers.
for extension in ("jpg", "png", "webp"):
    name = path("google." + extension)
    picture.save(name)
    with pyexiv2.Image(name) as image:
        image.modify_xmp(
            {
                "Xmp.photoshop.Credit": "Made with Google AI",
                "Xmp.iptcExt.DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                "Xmp.xmp.CreateDate": "2026-05-01T10:00:00Z",
            }
        )
        if extension != "webp":
            image.modify_iptc({"Iptc.Application2.Credit": "Made with Google AI"})
