//! Where networks run, and in which precision.

use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};

use crate::error::DiffusionError;

/// The device a caller asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DevicePreference {
    /// The first accelerator that works, else the processor.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// The first NVIDIA device; needs the feature `cuda`.
    Cuda,
    /// The first Apple device; needs the feature `metal`.
    Metal,
}

impl std::str::FromStr for DevicePreference {
    type Err = DiffusionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda,
            "metal" => Self::Metal,
            _ => {
                return Err(DiffusionError::OutOfRange {
                    name: "device",
                    found: text.to_owned(),
                    allowed: "auto, cpu, cuda or metal".to_owned(),
                });
            }
        })
    }
}

/// The kind of device that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The processor.
    Cpu,
    /// NVIDIA.
    Cuda,
    /// Apple.
    Metal,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cpu => "processor",
            Self::Cuda => "NVIDIA device",
            Self::Metal => "Apple device",
        })
    }
}

/// What weights and activations of the large networks are kept in. There is no `f16`: its range
/// ends at 65 504, and transformers of this kind go beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with the range of 32.
    Bf16,
}

impl Precision {
    /// What suits a device: `bf16` wins nothing on processors, halves the memory elsewhere.
    pub fn for_backend(backend: Backend) -> Self {
        match backend {
            Backend::Cpu => Self::F32,
            Backend::Cuda | Backend::Metal => Self::Bf16,
        }
    }

    /// Bytes of one value.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// An opened device and the precision of the networks on it. Latents, guidance and schedule are
/// `f32` or better on every device, and so are auto-encoders: in `bf16` they lose what is seen.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    backend: Backend,
    precision: Precision,
}

impl Compute {
    /// Opens a device.
    ///
    /// # Errors
    ///
    /// [`DiffusionError::DeviceUnavailable`] where a device was named and cannot be used.
    pub fn open(wanted: DevicePreference) -> Result<Self, DiffusionError> {
        match wanted {
            DevicePreference::Cpu => Ok(Self::cpu()),
            DevicePreference::Cuda => Self::cuda(),
            DevicePreference::Metal => Self::metal(),
            DevicePreference::Auto => Ok(Self::cuda()
                .or_else(|_| Self::metal())
                .unwrap_or_else(|_| Self::cpu())),
        }
    }

    /// The processor, which is always there.
    pub fn cpu() -> Self {
        Self::on(Device::Cpu, Backend::Cpu)
    }

    fn cuda() -> Result<Self, DiffusionError> {
        Self::accelerator(
            "cuda",
            candle_core::utils::cuda_is_available(),
            Device::new_cuda,
            Backend::Cuda,
        )
    }

    fn metal() -> Result<Self, DiffusionError> {
        Self::accelerator(
            "metal",
            candle_core::utils::metal_is_available(),
            Device::new_metal,
            Backend::Metal,
        )
    }

    fn accelerator(
        wanted: &'static str,
        compiled: bool,
        open: fn(usize) -> candle_core::Result<Device>,
        backend: Backend,
    ) -> Result<Self, DiffusionError> {
        let unavailable = |reason| DiffusionError::DeviceUnavailable { wanted, reason };
        if !compiled {
            return Err(unavailable(format!(
                "this program was built without the feature {wanted}"
            )));
        }
        let device = open(0).map_err(|error| unavailable(error.to_string()))?;
        Ok(Self::on(device, backend))
    }

    fn on(device: Device, backend: Backend) -> Self {
        Self {
            device,
            backend,
            precision: Precision::for_backend(backend),
        }
    }

    /// The same device with another precision of the large networks.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The kind of device.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// Precision of the large networks.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// For families: the type of their large networks' tensors.
    pub(crate) fn dtype(&self) -> DType {
        match self.precision {
            Precision::F32 => DType::F32,
            Precision::Bf16 => DType::BF16,
        }
    }

    /// For families: where their tensors live.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_always_there_and_exact() {
        let compute = Compute::open(DevicePreference::Cpu).unwrap();
        assert_eq!(compute.backend(), Backend::Cpu);
        assert_eq!(compute.precision(), Precision::F32);
        assert!(compute.device().is_cpu());
        Compute::open(DevicePreference::Auto).unwrap();
    }

    #[test]
    fn accelerators_never_get_half_precision() {
        for backend in [Backend::Cuda, Backend::Metal] {
            assert_eq!(Precision::for_backend(backend), Precision::Bf16);
        }
        let compute = Compute::cpu().with_precision(Precision::Bf16);
        assert_eq!(compute.precision(), Precision::Bf16);
        assert_eq!((Precision::F32.bytes(), Precision::Bf16.bytes()), (4, 2));
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_was_not_built_in_is_refused_by_name() {
        let error = Compute::open(DevicePreference::Cuda)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("cuda") && error.contains("built without"),
            "{error}"
        );
    }

    #[test]
    fn devices_are_named_as_they_are_typed() {
        assert_eq!(
            "metal".parse::<DevicePreference>().unwrap(),
            DevicePreference::Metal
        );
        assert_eq!(
            serde_json::to_string(&DevicePreference::Auto).unwrap(),
            "\"auto\""
        );
        assert!("tpu".parse::<DevicePreference>().is_err());
    }
}
