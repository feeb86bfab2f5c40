//! The public images: those of the vendor's table, and four newer ones that a client of it knows.

/// Ids, and the names that instances show.
pub(super) const PUBLIC_IMAGES: [(&str, &str); 38] = [
    (
        "9c530cfd-b929-4f2d-99d9-97a6d572ac89",
        "SD_WebUI_1.10.1_老白_v1.1/已安装常用插件，适合新手直接使用。",
    ),
    (
        "decbfd43-8963-434a-a42d-9df6ee0bae0f",
        "SD_ComfyUI_老白_v1.9/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "a0607405-d0fd-4efc-b34e-de0872d4a633",
        "Miniconda3_3.10/ubuntu22.04/CUDA 12.2",
    ),
    (
        "2f98442f-1e6e-4531-8b92-88a09d5d8a20",
        "Miniconda3_3.10/ubuntu22.04/CUDA 12.2 TensorRT",
    ),
    (
        "260cd46a-12aa-44ed-b47a-88f770b49041",
        "Miniconda3_3.10/ubuntu22.04/CUDA 12.1",
    ),
    (
        "9115617d-3d2a-494d-af82-597319953e46",
        "Miniconda3_3.10/ubuntu22.04/CUDA 11.8",
    ),
    (
        "8b73bf90-d6a2-4f21-9521-8aed8ea7d2c9",
        "Miniconda3_3.10/centos7/CUDA 11.4",
    ),
    (
        "438c59fd-886b-4cda-8396-12a9cd4a3b97",
        "Miniconda3_3.8/ubuntu20.04/CUDA 11.8",
    ),
    ("a96bac5e-e47c-4abd-9752-ec43871f9d17", "SD_WebUI_v1.10.1_纯净版"),
    ("af846fff-cd98-4176-9d9b-ae1507886981", "SD_WebUI_v1.10.0_纯净版"),
    (
        "317f5796-556b-42a2-9e6f-da6e677beb97",
        "SD_WebUI_1.9.4_老白_v1.0/已安装常用插件，适合新手直接使用。",
    ),
    ("cc0c9888-25d7-4098-8c89-63166669b56f", "SD_WebUI_v1.9.4_纯净版"),
    ("c02e3191-743b-40dc-8517-b56ce450d2e4", "SD_WebUI_v1.9.3_纯净版"),
    ("fb98f8c0-827d-4166-8321-aae3ba5cd93e", "SD_WebUI_v1.9.2_纯净版"),
    ("2afdda15-abc9-4f12-8479-b8d1369dd224", "SD_WebUI_v1.9.1_纯净版"),
    ("68f42e1d-1a1e-4b3d-92ee-4daa79ab2d47", "SD_WebUI_v1.9.0_纯净版"),
    ("8bc14930-01a8-4f48-b84c-756f4c1ff797", "SD_WebUI_v1.8.0_纯净版"),
    ("d8338a2f-b9e8-40c6-8db6-c34658d239d7", "SD_WebUI_v1.7.0_纯净版"),
    ("eafdbee2-8ce6-4b63-bcdd-3172fc4b3a36", "SD_WebUI_1.6.0_纯净版"),
    ("500e6434-2acc-4e10-a1b5-7fa27c08ea13", "SD_WebUI_1.6.0_ControlNet"),
    ("f607f6e9-67f3-44e7-ac93-910ff91181c8", "SD_WebUI_1.5.2_ControlNet"),
    ("06b82605-3d95-4dfe-b2df-73c3f0a5dcf5", "SD_WebUI_1.5.1_ControlNet"),
    (
        "423f8d45-1ee5-4c06-8bc6-658dbdc41f83",
        "SD_ComfyUI_老白_v1.8/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "c922d7e3-dc82-4e4c-9708-09493cfa106b",
        "SD_ComfyUI_老白_v1.7/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "7ac1b85f-5217-43e5-9e8d-d3f41b77e450",
        "SD_ComfyUI_老白_v1.6/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "97f9abcf-6b6f-4ae8-bfa5-a829f4617ae7",
        "SD_ComfyUI_老白_v1.5/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "9ff40247-267f-4986-a16f-4bf825ca2529",
        "SD_ComfyUI_老白_v1.4/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "75baee08-42da-4c92-8ab7-56b80ab3fb2f",
        "SD_ComfyUI_老白_v1.3/(PyTorch2.2.2 CUDA12.2)已安装常用节点。",
    ),
    (
        "363c66af-f10d-4b96-b51e-211f8d98dfc7",
        "SD_ComfyUI_老白_v1.2/(PyTorch2.2.2 CUDA12.2)已安装常用节点。",
    ),
    (
        "94505b31-6966-4801-ba29-82bdd54df662",
        "SD_ComfyUI_老白_v1.1/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    (
        "0ef12cab-e2a9-4737-be27-291afdb3d7ef",
        "SD_ComfyUI_老白_v1.0/(PyTorch3.1 CUDA12.2)已安装常用节点。",
    ),
    ("29e86ee5-9e5e-46fb-8558-adbac87d606f", "SD_Forge_Layer"),
    (
        "1313cad2-5988-4d1f-8a35-bbc0eec2622d",
        "blender 三维设计软件/blender-4.1.1-linux-x64",
    ),
    (
        "e7a66296-fe56-4fd1-a67d-cff5613b6372",
        "Miniconda3_3.8/ubuntu20.04/CUDA 11.1",
    ),
    (
        "7fd1f863-c2e2-4af6-b41b-cf92a034c2d3",
        "Miniconda3_3.13/ubuntu22.04/CUDA 12.6",
    ),
    (
        "02b564d3-9510-4f80-b56d-409900dab8da",
        "Miniconda3_3.12/ubuntu22.04/CUDA 12.8",
    ),
    (
        "5bea96c9-5b0d-4531-b75d-661cc1646e0b",
        "Miniconda3_3.12/ubuntu22.04/CUDA 12.6",
    ),
    (
        "c0cf4899-24f9-4132-a45d-4dc5f13b009b",
        "Miniconda3_3.10/ubuntu22.04/CUDA 12.4",
    ),
];

/// The name of a public image.
pub(super) fn public_image(id: &str) -> Option<&'static str> {
    PUBLIC_IMAGES
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| *name)
}
